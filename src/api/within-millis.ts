/** A timer takes no more: some 25 days. */
const LONGEST_MILLIS = 2 ** 31 - 1

/** What a promise says, or false when so many millis are over. */
export const withinMillis = async (promise: Promise<true>, millis: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, Math.min(Math.max(0, millis), LONGEST_MILLIS), false)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
