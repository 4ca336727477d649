/** Which error codes of Walkway say what the corpus calls by a kind. Only the kind is a fact; the wording is free. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  'unsupported-output-mode': ['UNSUPPORTED_OUTPUT_MODE'],
  'unsupported-operation': ['UNSUPPORTED_OPERATION', 'UNSUPPORTED_OUTPUT_MODE', 'MISSING_WATERMARK'],
  'no-streaming-source': ['NO_STREAMING_SOURCE'],
  'unknown-column': ['UNRESOLVED_COLUMN'],
  'watermark-type': ['WATERMARK_TYPE'],
  'watermark-redefined': ['WATERMARK_REDEFINED'],
  'missing-watermark': ['MISSING_WATERMARK'],
  'multiple-windows': ['MULTIPLE_WINDOWS'],
  'bad-window': ['BAD_WINDOW', 'BAD_DURATION'],
  'join-without-equality': ['JOIN_WITHOUT_EQUALITY'],
  'bad-duration': ['BAD_DURATION', 'BAD_TRIGGER_INTERVAL'],
  'negative-delay': ['NEGATIVE_DELAY'],
  'bad-trigger-interval': ['BAD_DURATION', 'BAD_TRIGGER_INTERVAL'],
  'task-failure': [
    'UDF_FAILED',
    'CAST_INVALID_INPUT',
    'CAST_OVERFLOW',
    'CONVERSION_INVALID_INPUT',
    'ARITHMETIC_OVERFLOW',
    'DIVIDE_BY_ZERO',
    'NUMERIC_VALUE_OUT_OF_RANGE',
    'MALFORMED_JSON',
  ],
  'state-key-schema-changed': ['STATE_SCHEMA_CHANGED', 'CHECKPOINT_INCOMPATIBLE'],
  'state-value-schema-changed': ['STATE_SCHEMA_CHANGED', 'CHECKPOINT_INCOMPATIBLE'],
}

export const codeOf = (error: unknown): string | null =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : null

/** True when the error is one of the kind; a kind that we do not know is met by any coded error but a bug's. */
export const isKind = (error: unknown, kind: string): boolean => {
  const code = codeOf(error)
  if (code === null || code === 'INTERNAL') return false
  return kinds[kind]?.includes(code) ?? false
}
