import { parse } from 'yaml';
import { z } from 'zod';
import { harnessFault } from '../model/fault.js';
import { messageOf } from '../model/errno.js';

/** The images that a recipe file describes; `production`, the first kernel's, contains `capture`. */
export const IMAGE_NAMES = ['capture', 'production'] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];

const GUEST_PATH = /^(\/(?!\.{1,2}(\/|$))[\w.+@-]+)+$/;

/** True for an absolute, normalised guest path that cpio, the kernel and a shell all read the same way. */
export function isGuestPath(path: string): boolean {
  return path.length <= 256 && GUEST_PATH.test(path);
}

const guestPath = z.string().refine(isGuestPath, 'must be an absolute guest path without . or ..');
const mode = z
  .string()
  .regex(/^[01]?[0-7]{3}$/, "must be a quoted octal mode such as '0755'")
  .transform((text) => Number.parseInt(text, 8));
const word = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'must be a plain file name');
const fileMode = mode.default(0o644);

/** Optional features of images. */
export const IMAGE_FEATURES = ['ssh', 'vmcore'] as const;
export type ImageFeature = (typeof IMAGE_FEATURES)[number];
const feature = z.enum(IMAGE_FEATURES).optional();

const Line = z.union([
  z.strictObject({ dir: guestPath, mode: mode.default(0o755) }),
  z.strictObject({ path: guestPath, script: word, mode: fileMode, for: feature }),
  z.strictObject({ path: guestPath, listing: word, mode: fileMode }),
  z.strictObject({ path: guestPath, program: word, mode: fileMode, for: feature }),
  z.strictObject({ path: guestPath, kernel: z.literal('capture'), mode: fileMode }),
  z.strictObject({ path: guestPath, image: z.literal('capture'), mode: fileMode }),
  z.strictObject({ modules: guestPath, for: feature }),
]);

/** One line of a recipe: one thing at one guest path. images/recipes.yaml describes the forms. */
export type RecipeLine = z.infer<typeof Line>;

const Program = z.strictObject({
  /** Debian package of the program; named in the remedy when it is missing. */
  package: word,
  /** `static`: refused when it needs a loader, because the image has no libraries for it. */
  linkage: z.enum(['static', 'any']),
});

const RecipesSchema = z
  .strictObject({
    version: z.literal(1),
    programs: z.record(word, Program),
    images: z.strictObject({
      capture: z.array(Line).min(1).max(256),
      production: z.array(Line).min(1).max(256),
    }),
  })
  .superRefine((recipes, context) => {
    const complain = (message: string): void => context.addIssue({ code: 'custom', message });
    for (const name of IMAGE_NAMES) {
      for (const line of recipes.images[name]) {
        if ('program' in line && !(line.program in recipes.programs)) {
          complain(`${line.path} wants program ${line.program}, which programs does not name`);
        }
        if ('image' in line && name === 'capture')
          complain(`${line.path} puts the capture image inside itself`);
      }
    }
  });

/** The lines of an image that has these features. */
export function linesFor(lines: readonly RecipeLine[], features: readonly ImageFeature[]): RecipeLine[] {
  return lines.filter((line) => !('for' in line) || line.for === undefined || features.includes(line.for));
}

/** A checked recipe file. */
export type Recipes = z.infer<typeof RecipesSchema>;

/**
 * Reads a recipe file's text. `file` is only for the message. Throws a harness Fault: recipes are part of crashpath, so
 * a bad one is not the caller's mistake.
 */
export function parseRecipes(text: string, file: string): Recipes {
  const refuse = (why: string, cause: unknown): never => {
    throw harnessFault(
      `cannot read image recipes "${file}": ${why}; correct it or restore the file from the release`,
      cause,
    );
  };
  let data: unknown;
  try {
    data = parse(text);
  } catch (error) {
    return refuse(messageOf(error), error);
  }
  const result = RecipesSchema.safeParse(data);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const at = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  return refuse(`${at}${issue?.message ?? 'invalid'}`, result.error);
}
