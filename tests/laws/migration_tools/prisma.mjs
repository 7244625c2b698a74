// node prisma.mjs apply|resolve FOLDER URL [NAME]: what `prisma migrate` asks of its schema engine.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as glue from './node_modules/@prisma/schema-engine-wasm/schema_engine_bg.js'

const [, , verb, folder, connectionString, migrationName] = process.argv
const program = new URL('./node_modules/@prisma/schema-engine-wasm/schema_engine_bg.wasm', import.meta.url)
const { instance } = await WebAssembly.instantiate(readFileSync(program), { './schema_engine_bg.js': glue })
glue.__wbg_set_wasm(instance.exports)
instance.exports.__wbindgen_start()

const schema = 'datasource db {\n  provider = "postgresql"\n}\n'
// Prisma's native engine sends a script whole; this adapter would cut it at every semicolon.
class Whole extends PrismaPg {
  async connect() {
    const connection = await super.connect()
    connection.executeScript = async (script) => {
      await connection.client.query(script).catch((error) => connection.onError(error))
    }
    return connection
  }
}
const adapter = bindMigrationAwareSqlAdapterFactory(new Whole({ connectionString }))
const engine = await glue.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapter)
const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name)
const migrationsList = {
  baseDir: folder,
  lockfile: { path: 'migration_lock.toml', content: null },
  shadowDbInitScript: '',
  migrationDirectories: names.sort((a, b) => a.localeCompare(b)).map((path) => ({
    path,
    migrationFile: {
      path: 'migration.sql',
      content: { tag: 'ok', value: readFileSync(join(folder, path, 'migration.sql'), 'utf8') },
    },
  })),
}
try {
  if (verb === 'apply') {
    await engine.applyMigrations({ migrationsList, filters: { externalTables: [], externalEnums: [] } })
  } else {
    await engine.markMigrationApplied({ migrationsList, migrationName })
  }
  process.exit(0)
} catch (error) {
  console.error(error)
  process.exit(1)
}
