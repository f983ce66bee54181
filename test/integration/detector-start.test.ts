import { describe, expect, test } from 'vitest'
import { bank, decidedIds, detector } from '../helpers/bank.ts'
import { proxy } from '../helpers/proxy.ts'
import { eventually } from '../helpers/servers.ts'
import { record, transaction } from '../helpers/transactions.ts'

describe('a detector that starts', () => {
  test.each(['FROM models WHERE', 'JOIN tenant_settings'])('goes on when TiDB is lost in the middle of %s', async (question) => {
    const b = await bank()
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const lost = wire.loseAnswerTo(question)
    const service = await detector({ ...b.config, sql: { ...b.config.sql, host: '127.0.0.1', port: wire.port } })
    await lost
    await b.bus.send([record(transaction(b.name, { id: 't-1', customer: 'c-1' }))])
    await eventually('the row', async () => (await decidedIds(b)).length === 1)
    expect(service.health()).toEqual({ ready: true, problems: [] })
  })
})
