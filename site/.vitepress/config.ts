// The guide as a site: the Markdown of docs/ as it is, with navigation and a search that runs in the browser.
import { slug } from "github-slugger";
import { type DefaultTheme, defineConfig } from "vitepress";

const page = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });
const guide = (text: string, name: string) => page(text, `/guide/${name}`);

export default defineConfig({
  title: "Latchkey",
  description: "A gate in front of your self-hosted apps that lets in only the devices you have enrolled.",
  lang: "en-GB",
  srcDir: "../docs",
  outDir: "dist",
  rewrites: { "README.md": "index.md" },
  cleanUrls: true,
  // Anchors as GitHub makes them: the links of the pages work in both places.
  markdown: { anchor: { slugify: slug } },
  vite: {
    plugins: [
      {
        // The pages are outside this folder, where nothing finds Vue: as it is rendered, Node finds it here.
        name: "vue-of-this-folder",
        enforce: "pre",
        resolveId: (id, _importer, options) =>
          options.ssr === true && /^vue(\/server-renderer)?$/.test(id) ? { id, external: true } : null,
      },
    ],
  },
  themeConfig: {
    search: { provider: "local" },
    outline: [2, 3],
    sidebar: [
      {
        text: "Guide",
        items: [
          guide("Start here", "start-here"),
          guide("Try it on your own machine", "try-it"),
          guide("Put it on your device", "your-device"),
          guide("Set up your apps", "your-apps"),
          page("What works with what", "/apps"),
          guide("Before you lose a phone", "before-you-lose-a-phone"),
          guide("I lost a phone", "lost-phone"),
          guide("Something is refused", "refused"),
          guide("Renew", "renew"),
          guide("Back up", "back-up"),
          guide("Upgrade", "upgrade"),
          guide("Take it away", "take-it-away"),
          guide("What it costs", "cost"),
          guide("Why not …", "why-not"),
        ],
      },
      {
        text: "Reference",
        collapsed: true,
        items: [
          guide("Every day", "every-day"),
          guide("By hand", "by-hand"),
          page("Devices without a certificate", "/devices"),
          page("Certificate or sign-in", "/sign-in"),
          page("Configuration", "/configuration"),
          page("Your Cloudflare zone", "/cloudflare"),
          page("Pages", "/pages"),
          page("Answers", "/answers"),
          page("API", "/api"),
          page("Notifications", "/notifications"),
          page("Operations", "/operations"),
        ],
      },
      {
        text: "Design",
        collapsed: true,
        items: [
          guide("How it works", "how-it-works"),
          page("Architecture", "/architecture"),
          page("Reliability", "/reliability"),
          page("Performance", "/performance"),
        ],
      },
    ],
  },
});
