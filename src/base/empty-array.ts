/** To set the length of an array is a call into V8's runtime: 37 ns, against 1 ns for an element that is popped. */
const POPPED_MOST = 16

/** Takes everything out of an array that is used again. */
export const emptyArray = (array: unknown[]): void => {
  if (array.length > POPPED_MOST) array.length = 0
  else while (array.length > 0) array.pop()
}
