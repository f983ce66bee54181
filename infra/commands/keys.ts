/** `npm run assay -- keys`: the API keys with which banks send to the gateway. */
import { Command } from 'commander'
import { addApiKey, listApiKeys, revokeApiKey } from '../../services/shared/http/auth.ts'
import { print, withDatabase } from '../local.ts'

/** `keys add`, `list` and `revoke`. */
export function keysCommand(): Command {
  const keys = new Command('keys').description('the API keys with which banks send to the gateway')

  keys
    .command('add')
    .description('make a key; it is printed this once only')
    .argument('<tenant>')
    .option('--name <name>', 'what it is for', 'command line')
    .action((tenant: string, options: { name: string }) =>
      withDatabase(async (database) => print((await addApiKey(database, tenant, options.name)).key)),
    )

  keys
    .command('list')
    .description('list keys, without their secrets')
    .option('--tenant <tenant>', 'only those of one bank')
    .option('--json', 'as JSON')
    .action((options: { tenant?: string; json?: boolean }) =>
      withDatabase(async (database) => {
        const all = await listApiKeys(database, options.tenant)
        if (options.json) return print(JSON.stringify(all))
        for (const { id, tenant, name, created, revoked } of all)
          print(
            `${id} ${tenant.padEnd(32)} since ${new Date(created).toISOString()} ${revoked === null ? '' : `revoked ${new Date(revoked).toISOString()} `}${name}`,
          )
        if (all.length === 0) print('none yet; make one with: keys add TENANT')
      }),
    )

  keys
    .command('revoke')
    .description('end a key for good, within 5 seconds')
    .argument('<id>', 'the part of the key between its underscores')
    .action((id: string) =>
      withDatabase(async (database) => {
        await revokeApiKey(database, id)
        print(`${id} is revoked`)
      }),
    )
  return keys
}
