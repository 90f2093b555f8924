// Short forms of the statements that a Durable Object's tables need. Columns are given by name, so nobody counts
// placeholders. Names of tables and columns come from the code, values are always bound.

export type Row = Record<string, SqlStorageValue>;

/** Every row of a query. `R` is the caller's word for the columns: the schema stands for it. */
export function all<R extends Row>(sql: SqlStorage, query: string, ...values: SqlStorageValue[]): R[] {
  return sql.exec<R>(query, ...values).toArray();
}

/** The first row of a query, if there is one. */
export function one<R extends Row>(
  sql: SqlStorage,
  query: string,
  ...values: SqlStorageValue[]
): R | undefined {
  return all<R>(sql, query, ...values)[0];
}

/** Adds a row; `or` says what happens if its key is taken, which is an error otherwise. Returns the rows written. */
export function insert(sql: SqlStorage, table: string, row: Row, or?: "REPLACE" | "IGNORE"): number {
  const columns = Object.keys(row);
  const places = columns.map(() => "?").join(", ");
  const verb = or === undefined ? "INSERT" : `INSERT OR ${or}`;
  return sql.exec(`${verb} INTO ${table} (${columns.join(", ")}) VALUES (${places})`, ...Object.values(row))
    .rowsWritten;
}

/** Changes these columns in the rows whose columns equal those of `where`. */
export function update(sql: SqlStorage, table: string, where: Row, changes: Row): void {
  const equals = (row: Row) => Object.keys(row).map((column) => `${column} = ?`);
  sql.exec(
    `UPDATE ${table} SET ${equals(changes).join(", ")} WHERE ${equals(where).join(" AND ")}`,
    ...Object.values(changes),
    ...Object.values(where),
  );
}
