/** `npm run assay -- users`: who may log in to the console. */
import { Command, Option } from 'commander'
import { inventPassword } from '../../services/console/passwords.ts'
import { addUser, listUsers, type Role, roles, setPassword } from '../../services/console/users.ts'
import { print, withDatabase } from '../local.ts'

type Given = { passwordStdin?: boolean }

/** The first line of standard input, or an invented password, which is then shown once. Never an argument: those are in the process list. */
async function passwordOf({ passwordStdin }: Given): Promise<{ password: string; said: string }> {
  if (!passwordStdin) {
    const password = inventPassword()
    return { password, said: `password: ${password}\nIt is shown this once only.\n` }
  }
  let text = ''
  for await (const chunk of process.stdin) text += String(chunk)
  return { password: text.split(/\r?\n/)[0], said: '' }
}

/** `users add`, `users list` and `users password`. */
export function usersCommand(): Command {
  const users = new Command('users').description('who may log in to the console')
  const stdin = () => new Option('--password-stdin', 'read the password from standard input instead of inventing one')

  users
    .command('add')
    .description('add somebody')
    .argument('<name>', 'lower-case letters, digits, dots, hyphens, underscores and @')
    .addOption(new Option('--role <role>', 'what they may do').choices([...roles]).default('analyst'))
    .option('--tenant <tenant>', 'the one bank that they see; all banks unless given')
    .addOption(stdin())
    .action(async (name: string, options: Given & { role: Role; tenant?: string }) => {
      const { password, said } = await passwordOf(options)
      await withDatabase((database) => addUser(database, { name, role: options.role, tenant: options.tenant ?? null, password }))
      process.stdout.write(`added ${name}, ${options.role} of ${options.tenant ?? 'all banks'}\n${said}`)
    })

  users
    .command('list')
    .description('list everybody')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      withDatabase(async (database) => {
        const all = await listUsers(database)
        if (options.json) return print(JSON.stringify(all))
        for (const { name, role, tenant, created } of all)
          print(
            `${name.padEnd(24)} ${role.padEnd(8)} ${(tenant ?? 'all banks').padEnd(32)} since ${new Date(Number(created)).toISOString()}`,
          )
        if (all.length === 0) print('nobody yet; add somebody with: users add NAME')
      }),
    )

  users
    .command('password')
    .description('set another password, which ends all sessions of that user')
    .argument('<name>')
    .addOption(stdin())
    .action(async (name: string, options: Given) => {
      const { password, said } = await passwordOf(options)
      await withDatabase((database) => setPassword(database, name, password))
      process.stdout.write(`set the password of ${name}\n${said}`)
    })

  return users
}
