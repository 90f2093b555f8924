// The guide as a site: the Markdown of docs/ as it is, with navigation and a search that runs in the browser.
import { slug } from "github-slugger";
import { defineConfig } from "vitepress";

export default defineConfig({
  title: "Latchkey",
  description: "A gate in front of your self-hosted apps that lets in only the devices you have enrolled.",
  lang: "en-GB",
  srcDir: "../docs",
  outDir: "dist",
  rewrites: { "README.md": "index.md" },
  cleanUrls: true,
  markdown: { anchor: { slugify: slug } },
  vite: {
    plugins: [
      {
        // The pages are outside this folder, where nothing finds Vue: as it is rendered, Node finds it here.
        name: "vue-of-this-folder",
        enforce: "pre",
        resolveId: (id, _importer, { ssr }) =>
          ssr === true && /^vue(\/server-renderer)?$/.test(id) ? { id, external: true } : null,
      },
    ],
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
  },
});
