/** Waits for something, but not for ever: a test that hangs says what it hung on. A busy machine may take seconds for anything. */
export const within = async <T>(promise: Promise<T>, state: () => string, millis = 60_000): Promise<T> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing after ${millis} ms: ${state()}`)), millis)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
