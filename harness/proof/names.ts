import { z } from 'zod';

/** A symbol of the kernel. */
export const symbolSchema = z.string().regex(/^[A-Za-z_][\w.]{0,255}$/, 'must be a kernel symbol');

/** One symbol, or several, of which the first that exists is used (a function renamed between versions). */
export const symbolsSchema = z.union([symbolSchema, z.array(symbolSchema).min(1).max(8)]);

/** A script's name of a vCPU. */
export const roleSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be a role: lower-case letters, digits, dashes');

/** The number of a vCPU. */
export const cpuSchema = z.number().int().min(0).max(63);

/** A vCPU by its number, or by its role in a script. */
export type Subject = { readonly cpu: number } | { readonly role: string };

/** A vCPU as statements name it: `cpu1`, or its role. */
export function subjectName(subject: Subject): string {
  return 'role' in subject ? subject.role : `cpu${subject.cpu}`;
}

/** A pin by its number, or by the device in the row of /proc/interrupts that belongs to it, e.g. `ttyS0`. */
export const PinNameSchema = z.union([
  z.number().int().min(0).max(239),
  z.string().regex(/^[A-Za-z][\w.:-]{0,63}$/, 'must be a pin or a device in /proc/interrupts'),
]);
export type PinName = z.infer<typeof PinNameSchema>;

/** A file of the guest. */
export const guestPath = z
  .string()
  .max(256)
  .regex(/^\/[\w.:/-]+$/, 'must be an absolute guest path');
