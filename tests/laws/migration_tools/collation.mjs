// node collation.mjs < NAMES: each name and the next, compared as Prisma and as node-pg-migrate do.
import { readFileSync } from 'node:fs'

const names = JSON.parse(readFileSync(0, 'utf8'))
const options = { usage: 'sort', numeric: true, sensitivity: 'variant', ignorePunctuation: true }
console.log(JSON.stringify(names.slice(1).map((name, index) => [
  names[index].localeCompare(name),
  names[index].localeCompare(name, undefined, options),
])))
