// What the tests of the page need: packages, the bundled site, the pure modules as one file that
// node can import, and a tsconfig that finds the packages. Into the build folder.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, install, writeSite } from '../build.mjs';

const source = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const build = path.resolve(process.argv[2]);
const packages = install(build, { dev: true });
writeSite(build, await bundle(packages));

const esbuild = createRequire(path.join(packages, 'package.json'))('esbuild');
await esbuild.build({
  stdin: {
    contents: ['i18n/index', 'i18n/format', 'i18n/en', 'i18n/pl', 'i18n/engine', 'core/api', 'core/router', 'chart/series']
      .map((name) => `export * from './src/${name}.ts';`).join('\n'),
    resolveDir: source,
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node18',
  nodePaths: [path.join(packages, 'node_modules')],
  outfile: path.join(build, 'modules.mjs'),
  logLevel: 'warning',
});
writeFileSync(path.join(build, 'tsconfig.json'), JSON.stringify({
  extends: path.join(source, 'tsconfig.json'),
  compilerOptions: { baseUrl: '.', paths: { '*': [path.join(packages, 'node_modules', '*')] } },
  include: [path.join(source, 'src')],
}));
