/** A model as one file: a tar (POSIX ustar) of the folder that `npm run model -- export` writes. */
import { AssayError } from '../../shared/errors.ts'

type Files = ReadonlyMap<string, Buffer>
const block = 512

const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`

/** A header; its own checksum counts as eight blanks. */
function headerOf(name: string, size: number): Buffer {
  const header = Buffer.alloc(block)
  header.write(name, 0, 100)
  header.write(octal(0o644, 8), 100)
  header.write(octal(0, 8), 108)
  header.write(octal(0, 8), 116)
  header.write(octal(size, 12), 124)
  header.write(octal(0, 12), 136)
  header.write('        0', 148)
  header.write('ustar\x0000', 257)
  header.write(octal(sumOf(header), 7), 148)
  return header
}

const sumOf = (header: Buffer): number => header.reduce((sum, byte) => sum + byte, 0)
const padding = (size: number) => (block - (size % block)) % block

/** The same files give the same bytes. */
export const pack = (files: Files): Buffer =>
  Buffer.concat([
    ...[...files].flatMap(([name, bytes]) => [headerOf(name, bytes.length), bytes, Buffer.alloc(padding(bytes.length))]),
    Buffer.alloc(2 * block),
  ])

/** The plain files of a tar by the last part of their names. Throws `archive_unreadable`. */
export function unpack(archive: Buffer): Files {
  const unreadable = (what: string) =>
    new AssayError(
      'archive_unreadable',
      `This is not the tar of a model: ${what}. Send what export gave, or: tar cf model.tar -C FOLDER .`,
      {
        status: 400,
      },
    )
  const files = new Map<string, Buffer>()
  for (let at = 0; at + block <= archive.length; ) {
    const header = archive.subarray(at, at + block)
    if (header[0] === 0) break
    const numberAt = (from: number, length: number) => Number.parseInt(header.toString('latin1', from, from + length), 8)
    const blanked = Buffer.from(header)
    blanked.fill(' ', 148, 156)
    if (sumOf(blanked) !== numberAt(148, 8)) throw unreadable('a header does not have its checksum')
    const size = numberAt(124, 12)
    const end = at + block + size
    if (!(size >= 0 && end <= archive.length)) throw unreadable('it ends within a file')
    const name = header.toString('utf8', 0, 100).replace(/\0[\s\S]*$/, '')
    const plain = header[156] === 0 || header[156] === 0x30
    if (plain) files.set(name.slice(name.lastIndexOf('/') + 1), archive.subarray(at + block, end))
    at = end + padding(size)
  }
  return files
}
