import { describe, expect, onTestFinished, test } from 'vitest'
import { takeAlert } from '../../services/casework/take-alert.ts'
import { claimCase, giveVerdict, listCases, readCase, releaseCase } from '../../services/shared/tidb/cases.ts'
import { createDatabase } from '../../services/shared/tidb/database.ts'
import { alert } from '../helpers/alerts.ts'
import { bank } from '../helpers/bank.ts'
import { cases } from '../helpers/casework.ts'
import { proxy } from '../helpers/proxy.ts'

describe('a case', () => {
  test('is changed by one of many at once: one claim, one verdict, one label for each transaction', async () => {
    const b = await bank()
    const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
    const claims = await Promise.allSettled(
      ['ada', 'bob', 'cyd', 'ada'].map((actor) => claimCase(b.database, { tenant: b.name, caseId, actor })),
    )
    const assignee = (await readCase(b.database, { tenant: b.name, caseId }))?.assignee as string
    expect(claims.filter((c) => c.status === 'fulfilled')).toHaveLength(assignee === 'ada' ? 2 : 1)
    const judge = () => giveVerdict(b.database, { tenant: b.name, caseId, actor: assignee, disposition: 'genuine' })
    await Promise.all([judge(), judge(), takeAlert(b.database, alert(b.name, 'anna', 'a-2'), null)])
    const found = await readCase(b.database, { tenant: b.name, caseId })
    expect(found?.history.map((h) => h.event).filter((e) => e !== 'joined')).toEqual(['opened', 'claimed', 'judged'])
    const [{ labels }] = await b.database.query<{ labels: number }>('SELECT COUNT(*) AS labels FROM outbox')
    expect(labels).toBe(found?.alerts.length)
    await expect(giveVerdict(b.database, { tenant: b.name, caseId, actor: assignee, disposition: 'fraud' })).rejects.toMatchObject({
      code: 'case_conflict',
    })
  })

  test('is not judged when the database goes away before its labels lie in the outbox, and is judged once afterwards', async () => {
    const b = await bank()
    const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
    const wire = await proxy(b.config.sql.host, b.config.sql.port)
    const cut = createDatabase({ ...b.config.sql, host: '127.0.0.1', port: wire.port })
    onTestFinished(() => cut.stop())
    const verdict = { tenant: b.name, caseId, actor: 'ada', disposition: 'fraud' } as const
    const state = async () => {
      const found = await readCase(b.database, { tenant: b.name, caseId })
      return [found?.state, found?.history.length, (await b.database.query('SELECT id FROM outbox')).length]
    }
    for (const statement of ['UPDATE cases SET state', 'INTO outbox', 'INTO case_history']) {
      const lost = wire.loseAnswerTo(statement)
      await expect(giveVerdict(cut, verdict)).rejects.toThrow()
      await lost
      expect([statement, ...(await state())]).toEqual([statement, 'open', 1, 0])
    }
    // Whoever does not hear whether it was done gives it again.
    const lost = wire.loseAnswerTo('COMMIT')
    await expect(giveVerdict(cut, verdict)).rejects.toThrow()
    await lost
    await giveVerdict(cut, verdict)
    expect(await state()).toEqual(['closed', 2, 1])
  })

  test('is opened once when many alerts of a customer come at once', async () => {
    const b = await bank()
    const taken = await Promise.all(Array.from({ length: 8 }, (_, i) => takeAlert(b.database, alert(b.name, 'anna', `a-${i % 6}`), null)))
    expect(new Set(taken.map((t) => t.caseId)).size).toBe(1)
    expect(taken.filter((t) => t.opened)).toHaveLength(1)
    expect((await cases(b))[0].amount).toBe(6 * alert(b.name, '', '').amount)
  })

  test('gives a label to an alert too that joined while its verdict was waiting', async () => {
    const b = await bank()
    const { caseId } = await takeAlert(b.database, alert(b.name, 'anna', 'a-1'), null)
    let verdict: Promise<void> | undefined
    await b.database.transaction(async (tx) => {
      await tx.query('SELECT id FROM cases WHERE tenant = ? AND id = ? FOR UPDATE', [b.name, caseId])
      verdict = giveVerdict(b.database, { tenant: b.name, caseId, actor: 'ada', disposition: 'fraud' })
      await new Promise((resolve) => setTimeout(resolve, 300))
      const late = Buffer.from(JSON.stringify(alert(b.name, 'anna', 'a-2')))
      await tx.execute(
        'INSERT INTO case_transactions (tenant, case_id, transaction_id, customer, alert, added) VALUES (?, ?, ?, ?, ?, ?)',
        [b.name, caseId, 'a-2', 'anna', late, Date.now()],
      )
    })
    await verdict
    const [{ labels }] = await b.database.query<{ labels: number }>('SELECT COUNT(*) AS labels FROM outbox')
    expect(labels).toBe(2)
  })

  test('is listed in pages, newest first, by bank and state', async () => {
    const b = await bank()
    for (let i = 0; i < 5; i++) await takeAlert(b.database, alert(b.name, `customer-${i}`, `t-${i}`), null)
    const first = await listCases(b.database, { tenant: b.name, state: 'open', limit: 3 })
    const second = await listCases(b.database, { tenant: b.name, state: 'open', limit: 3, after: first.next as string })
    expect([...first.cases, ...second.cases].map((c) => c.customer)).toEqual([4, 3, 2, 1, 0].map((i) => `customer-${i}`))
    expect(second.next).toBeNull()
    expect((await listCases(b.database, { tenant: b.name, state: 'closed' })).cases).toEqual([])
  })

  test('that is released escalates on, unless it is a random sample', async () => {
    const b = await bank()
    for (const sample of [false, true]) {
      const { caseId } = await takeAlert(b.database, alert(b.name, `anna-${sample}`, `a-${sample}`, { sample }), null)
      const act = { tenant: b.name, caseId, actor: 'ada' }
      await claimCase(b.database, act)
      await releaseCase(b.database, { ...act, dueAt: 5 })
      expect(await readCase(b.database, act)).toMatchObject({ state: 'open', assignee: null, dueAt: sample ? null : 5 })
      await expect(releaseCase(b.database, act)).rejects.toMatchObject({ status: 409 })
    }
    await expect(claimCase(b.database, { tenant: b.name, caseId: 'none', actor: 'ada' })).rejects.toMatchObject({ status: 404 })
  })
})
