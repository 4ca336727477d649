/**
 * Whether a thread has loaded its modules: a word that it shares with whoever started it. Of one that is ended before, Node leaves open the
 * files that it was reading.
 */
export const newLoad = (): SharedArrayBuffer => new SharedArrayBuffer(4)

export const markLoaded = (load: SharedArrayBuffer): void => {
  Atomics.store(new Int32Array(load), 0, 1)
}

export const hasLoaded = (load: SharedArrayBuffer): boolean => Atomics.load(new Int32Array(load), 0) === 1
