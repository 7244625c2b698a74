// node drizzle.mjs PACKAGE FOLDER URL: what `drizzle-kit migrate` does, by that version of the package.
import pg from 'pg'

const [, , name, migrationsFolder, connectionString] = process.argv
const { drizzle } = await import(`${name}/node-postgres`)
const { migrate } = await import(`${name}/node-postgres/migrator`)
const pool = new pg.Pool({ connectionString })
await migrate(drizzle(name === 'drizzle-orm' ? pool : { client: pool }), { migrationsFolder })
await pool.end()
