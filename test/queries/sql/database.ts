import sqlite from 'node-sqlite3-wasm'
import type { Data, Event } from './data.ts'
import { type Relation, selectOf } from './relation.ts'

/** What SQLite says: rows by name, times in millis, truths as 0 and 1. */
export const answerOf = (relation: Relation, { rounds, table }: Data): Record<string, unknown>[] => {
  const database = new sqlite.Database()
  try {
    // In Spark the case of letters counts.
    database.exec('PRAGMA case_sensitive_like = ON')
    database.exec('CREATE TABLE static (t_k TEXT, t_g INTEGER, t_v INTEGER)')
    for (const { t_k, t_g, t_v } of table) database.run('INSERT INTO static VALUES (?, ?, ?)', [t_k, t_g, t_v])
    for (const stream of [0, 1]) {
      database.exec(`CREATE TABLE events${stream} (id INTEGER, at INTEGER, k TEXT, g INTEGER, n INTEGER, x REAL, s TEXT, b INTEGER)`)
      for (const event of rounds.flatMap(round => round[stream])) insert(database, `events${stream}`, event)
    }
    return database.all(selectOf(relation))
  } finally {
    database.close()
  }
}

const insert = (database: sqlite.Database, table: string, { id, at, k, g, n, x, s, b }: Event): void => {
  database.run(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, [id, at, k, g, n, x, s, b])
}
