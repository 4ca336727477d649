// User functions over the column headers, as a program has them in a module of its own.
import { decodeKafkaHeaders, encodeKafkaHeaders } from '../../../../dist/index.js'

/** The headers given, and one more. */
export const addHop = (headers, hop) =>
  encodeKafkaHeaders([...(headers === null ? [] : decodeKafkaHeaders(headers)), { key: 'hop', value: hop }])

/** The names in their order. */
export const headerNames = headers =>
  headers === null
    ? null
    : decodeKafkaHeaders(headers)
        .map(({ key }) => key)
        .join(',')
