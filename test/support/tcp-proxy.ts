import { createConnection, createServer, type Socket } from 'node:net'

/** A line to a server that can go dead: connections stay open, and nothing passes any more. Or it is cut. */
export interface TcpProxy {
  readonly port: number
  /** What comes from now on over the lines that are there is swallowed. New lines work. */
  freeze(): void
  /** All lines are cut; none is accepted until `restore`. */
  cut(): void
  restore(): void
  close(): Promise<void>
}

export const startProxy = async (host: string, port: number): Promise<TcpProxy> => {
  let lines: { readonly client: Socket; readonly server: Socket }[] = []
  let isCut = false
  const listener = createServer(client => {
    if (isCut) {
      client.destroy()
      return
    }
    const server = createConnection({ host, port })
    const line = { client, server }
    lines.push(line)
    client.pipe(server)
    server.pipe(client)
    const end = (): void => {
      client.destroy()
      server.destroy()
      lines = lines.filter(other => other !== line)
    }
    for (const socket of [client, server]) socket.on('error', end).on('close', end)
  })
  await new Promise<void>(resolve => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  const cutAll = (): void => {
    for (const { client, server } of lines) {
      client.destroy()
      server.destroy()
    }
  }
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    freeze: () => {
      for (const { client, server } of lines) {
        client.unpipe(server).resume()
        server.unpipe(client).resume()
      }
    },
    cut: () => {
      isCut = true
      cutAll()
    },
    restore: () => {
      isCut = false
    },
    close: () =>
      new Promise(resolve => {
        cutAll()
        listener.close(() => resolve())
      }),
  }
}
