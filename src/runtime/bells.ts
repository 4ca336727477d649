import { Doorbell } from 'native-free-buffers'

/** The doorbells of a query's hosts, one futex word each, on cache lines of their own. */
const STRIDE = 128

export const bellBytes = (hosts: number): number => STRIDE * hosts

export const bellOf = (bells: SharedArrayBuffer, host: number): Doorbell => new Doorbell(bells, STRIDE * host)
