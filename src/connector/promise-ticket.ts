import { Ticket } from './connector.ts'

/** A ticket for a promise: how an adapter's asynchronous work becomes something that a task polls. `after` runs when it is settled. */
export const ticketOf = <T>(promise: Promise<T>, after: () => void = () => {}): Ticket<T> => {
  const ticket = new Ticket<T>()
  promise
    .then(
      value => ticket.complete(value),
      error => ticket.fail(error),
    )
    .finally(after)
  return ticket
}
