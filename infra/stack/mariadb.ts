import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ensureCommand, runCommand } from './programs.ts'
import type { Recipe } from './recipe.ts'

/** Lets root in over TCP without a password, as TiDB does; the server listens on 127.0.0.1 only. One statement a line. */
const ACCOUNTS = `CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
`

/** MariaDB, which stands in for TiDB: with TiDB's character set, collation and packet size. */
export const mariadb: Recipe = async (_directory, report) => {
  const server = await ensureCommand('mariadbd', ['mariadb-server'], 'sql', report)
  const install = await ensureCommand('mariadb-install-db', ['mariadb-server'], 'sql', report)
  // mariadbd refuses to run as root unless it is told to.
  const user = process.getuid?.() === 0 ? ['--user=root'] : []
  return {
    product: 'MariaDB',
    from: server.from,
    async launch({ data, port }) {
      mkdirSync(data, { recursive: true })
      const store = resolve(data, 'store')
      if (!existsSync(store)) {
        const unfinished = resolve(data, 'store.unfinished')
        rmSync(unfinished, { recursive: true, force: true })
        await runCommand(install.path, ['--no-defaults', ...user, `--datadir=${unfinished}`, '--auth-root-authentication-method=normal'])
        renameSync(unfinished, store)
      }
      const accounts = resolve(data, 'accounts.sql')
      writeFileSync(accounts, ACCOUNTS)
      return {
        command: server.path,
        args: [
          '--no-defaults',
          ...user,
          `--datadir=${store}`,
          '--bind-address=127.0.0.1',
          `--port=${port}`,
          // A socket's path may have 107 bytes; relative to the data it is short wherever the clone lies.
          '--socket=mariadb.sock',
          `--pid-file=${join(store, 'mariadb.pid')}`,
          `--init-file=${accounts}`,
          '--skip-name-resolve',
          '--character-set-server=utf8mb4',
          '--collation-server=utf8mb4_bin',
          '--innodb-buffer-pool-size=512M',
          '--innodb-log-file-size=256M',
          '--max-allowed-packet=64M',
          '--max-connections=500',
        ],
      }
    },
  }
}
