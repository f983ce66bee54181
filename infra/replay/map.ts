/** A map says how the rows of a bank's file become transactions: which column is which field, in what format, and what is constant. */
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { AssayError } from '../../services/shared/errors.ts'
import { Transaction } from '../../services/shared/events.ts'

const Value = Type.Union([Type.String(), Type.Number(), Type.Boolean()])

const Source = Type.Object(
  {
    column: Type.Optional(Type.String({ description: 'Name of the CSV column; in NDJSON a path such as card.number' })),
    template: Type.Optional(Type.String({ description: 'Text with columns in braces, such as card-{CUSTOMER_ID}' })),
    constant: Type.Optional(Value),
    values: Type.Optional(
      Type.Record(Type.String(), Value, { description: "What the file's values are called here; others are rejected" }),
    ),
    format: Type.Optional(
      Type.String({ description: 'Of a time: rfc3339, epoch-seconds, epoch-milliseconds, or a pattern such as yyyy-MM-dd HH:mm:ss' }),
    ),
    zone: Type.Optional(Type.String({ description: 'IANA zone of times without one; UTC unless given' })),
    decimal: Type.Optional(Type.Enum(['.', ','], { description: 'What stands before the minor units of an amount' })),
    unit: Type.Optional(Type.Enum(['major', 'minor'], { description: 'What an amount counts; major unless given' })),
    round: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 4, description: 'Decimal places of an amount that a program wrote from binary floating point' }),
    ),
    type: Type.Optional(Type.Enum(['text', 'number', 'boolean'], { description: 'What the field is; text unless given' })),
  },
  { additionalProperties: false },
)
export type Source = Type.Static<typeof Source>

export const ReplayMap = Type.Object(
  {
    description: Type.Optional(Type.String()),
    format: Type.Enum(['csv', 'ndjson']),
    delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
    encoding: Type.Optional(Type.Enum(['utf8', 'latin1'])),
    transaction: Type.Record(Type.String(), Source, { description: 'A source for each field; place.lat and extra.anything reach inside' }),
    label: Type.Optional(
      Type.Object(
        {
          column: Type.String(),
          values: Type.Record(Type.String(), Type.Enum(['fraud', 'genuine', 'inconclusive']), { description: 'Others make no label' }),
          delayDays: Type.Number({ minimum: 0, description: 'How long after the transaction the label was known' }),
          source: Type.Enum(['chargeback', 'analyst', 'customer', 'rule']),
          kind: Type.Optional(Type.String({ description: 'Column that says what kind of fraud it was: for reports, never a feature' })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)
export type ReplayMap = Type.Static<typeof ReplayMap>

const schema = Compile(ReplayMap)
const fieldNames = new Set(Object.keys(Transaction.properties).filter((name) => name !== 'tenant'))

/** Returns the map or throws `map_invalid` with every fault, before a row is read. */
export function checkMap(map: unknown): ReplayMap {
  const faults: string[] = []
  if (!schema.Check(map)) faults.push(...schema.Errors(map).map((e) => `${e.instancePath || '/'} ${e.message}`))
  else {
    for (const [field, source] of Object.entries(map.transaction)) {
      const [name] = field.split('.')
      if (!fieldNames.has(name)) faults.push(`/transaction/${field} is not a field of a transaction; extra.${name} keeps it`)
      const given = [source.column, source.template, source.constant].filter((s) => s !== undefined).length
      if (given !== 1) faults.push(`/transaction/${field} must have one of column, template and constant`)
    }
    for (const field of Transaction.required) {
      if (field !== 'tenant' && !(field in map.transaction)) faults.push(`/transaction/${field} is missing`)
    }
    if (map.transaction.time && !map.transaction.time.format) faults.push('/transaction/time/format is missing')
  }
  if (faults.length > 0)
    throw new AssayError('map_invalid', `The map has faults:\n  ${faults.join('\n  ')}`, { status: 400, details: { faults } })
  return map as ReplayMap
}
