import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { parseRecipes } from './recipe.js';

const OWN = fileURLToPath(new URL('../../images/recipes.yaml', import.meta.url));

const recipe = (capture: string, production = '{ dir: /bin }'): string => `
version: 1
programs:
  busybox: { package: busybox-static, linkage: static }
images:
  capture: [${capture}]
  production: [${production}]
`;

void t.test('the shipped recipes are valid and put both images together', async (t) => {
  const recipes = parseRecipes(readFileSync(OWN, 'utf8'), OWN);
  t.equal(recipes.programs['busybox']?.package, 'busybox-static');
  t.equal(recipes.programs['kexec']?.package, 'kexec-tools');
  t.match(
    recipes.images.production.filter((line) => 'image' in line),
    [{ path: '/crash/initrd', image: 'capture' }],
  );
});

void t.test('modes are octal and have defaults', async (t) => {
  const { images } = parseRecipes(
    recipe("{ dir: /tmp, mode: '1777' }, { path: /a, script: x }, { dir: /d }"),
    'r.yaml',
  );
  t.same(
    images.capture.map((line) => ('mode' in line ? line.mode : undefined)),
    [0o1777, 0o644, 0o755],
  );
});

const refused: readonly (readonly [name: string, text: string, why: RegExp])[] = [
  ['text that is not YAML', 'a: [', /cannot read image recipes "r.yaml": .+; correct it/],
  ['an unknown version', recipe('{ dir: /a }').replace('version: 1', 'version: 2'), /version/],
  ['a program without a package', recipe('{ path: /a, program: gcc }'), /\/a wants program gcc/],
  ['the capture image inside itself', recipe('{ path: /a, image: capture }'), /inside itself/],
  ['a path that climbs', recipe('{ dir: /a/../b }'), /images.capture/],
  ['a relative path', recipe('{ dir: a }'), /images.capture/],
  ['a mode that YAML read as a number', recipe('{ dir: /a, mode: 0755 }'), /images.capture/],
  ['a line of two kinds', recipe('{ path: /a, script: x, program: busybox }'), /images.capture/],
  ['a listing outside init/', recipe('{ path: /a, listing: ../x }'), /images.capture/],
  ['a script outside init/', recipe('{ path: /a, script: ../x }'), /images.capture/],
];

for (const [name, text, why] of refused) {
  void t.test(`refuses ${name}`, async (t) => {
    t.throws(() => parseRecipes(text, 'r.yaml'), { name: 'Fault', kind: 'harness', message: why });
  });
}
