declare global {
  namespace Cloudflare {
    /** A secret, which is not in `wrangler.toml`. */
    interface Env {
      ADMIN_TOKEN: string;
    }
  }
}

export {};

declare global {
  /** Vite's, as much of it as is used: files as text. */
  interface ImportMeta {
    glob<T>(pattern: string, options: { query: "?raw"; import: "default"; eager: true }): Record<string, T>;
  }
}
