import { DatabaseSync } from "node:sqlite";
import { failed } from "../../terminal/failure.ts";

/** SQLite's code for a database that somebody else has locked: `SQLITE_BUSY`. */
const BUSY = 5;

/**
 * Takes a state folder for this process: two edges on one registry would each believe that they are
 * alone. Returns what gives the folder back.
 *
 * The lock is SQLite's own, on an empty database: the system takes it back when the process ends,
 * however it ends, so that no lock is ever stale, and one of several that start together gets it. The file
 * stays, since removing it would let two processes hold a lock of the same name.
 */
export async function lockFolder(path: string): Promise<() => void> {
  const database = new DatabaseSync(path);
  try {
    // In this mode the lock outlasts the transaction, until the database is closed.
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== BUSY) throw error;
    throw failed(
      "another edge uses this state folder",
      "stop it, or give this one a folder of its own with --state",
    );
  }
  return () => {
    if (database.isOpen) database.close();
  };
}
