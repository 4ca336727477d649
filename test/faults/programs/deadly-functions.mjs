// Functions for udf.module that die as told by a file: `order` holds `HOW COUNT`, and each death takes one from the count.
import { readFileSync, writeFileSync } from 'node:fs'

const takeOrder = path => {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return ''
  }
  const [how, count] = text.split(' ')
  if (!(Number(count) > 0)) return ''
  writeFileSync(path, `${how} ${count - 1}`)
  return how
}

/** Gives the value back, or dies. */
export const perhapsDie = (value, order) => {
  switch (takeOrder(order)) {
    case 'exit':
      process.exit(3)
      break
    case 'throw':
      throw new Error('told to throw')
    case 'uncaught':
      setTimeout(() => {
        throw new Error('told to throw from a timer')
      })
      break
    case 'rejection':
      void Promise.reject(new Error('told to reject'))
      break
  }
  return value
}
