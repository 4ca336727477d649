/** Stops on a broken promise of the caller or of this package: a bug, never bad data. */
export const assert: (condition: boolean, message: string) => asserts condition = (condition, message) => {
  if (!condition) throw new Error(`native-free-buffers: ${message}`)
}
