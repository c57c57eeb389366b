/**
 * Names and addresses of a running kernel without debug information: /proc/kallsyms, the calls in a function's
 * bytes, and the stack of a stopped vCPU. Bytes and text in, values out.
 */
export { type CallSite, findCallSites } from './call-sites.js';
export type { Instruction, InstructionKind } from './decode.js';
export { disassemble, type Disassembled } from './disassemble.js';
export {
  type CodeBytes,
  decodeFunction,
  type FunctionCode,
  type FunctionEntry,
  type FunctionInstruction,
  instructionAt,
  instructionBefore,
  instructionsOf,
} from './function-code.js';
export { findSymbol, isPerCpu, type SymbolNotFound } from './find-symbol.js';
export {
  finishReading,
  finishReadingAsync,
  type MemoryAnswer,
  type MemoryRegion,
  type MemoryRequest,
  pagedMemory,
  type PagedMemory,
  readFromRegions,
  type Reading,
  unsignedOf,
} from './guest-memory.js';
export { type KallsymsResult, MAX_SYMBOLS, parseKallsyms, type SymbolTable } from './kallsyms.js';
export { type ImageSymbols, type KernelImage, readImageSymbols } from './kallsyms-image.js';
export { type Agreement, compareSymbols } from './agreement.js';
export { type LockCall, lockCalls, type LockToFind } from './lock-calls.js';
export { type ElfSection, readSections, sectionTable, SHT_SYMTAB, symbolsOfElf } from './elf-symbols.js';
export { type CoreNotes, type DumpedRegisters, readCoreNotes } from './core-notes.js';
export { elfNotes, vmcoreinfoNote } from './elf-notes.js';
export { baseName } from './names.js';
export { iced } from './iced.js';
export { type FrameValues, type Known, valuesOf } from './frame-values.js';
export { type FunctionFlows, functionFlows, type NamedEffect } from './function-flows.js';
export { type LockedOperation, lockedInstructions, lockedOperation } from './locked-instructions.js';
export { operationsAt } from './operations.js';
export { findOrcTables, type OrcFormat, type OrcRange, readOrcRanges } from './orc.js';
export { framePointerFrames, orcFrames } from './debug-frame.js';
export { symbolsElf } from './symbols-elf.js';
export { findImageOffset } from './image-offset.js';
export { kernelTablesOf, type PageTables, type PhysicalAddress, translate } from './page-tables.js';
export { MAX_LOG_BYTES, readPrintkRing } from './printk-ring.js';
export { nameSymbol, type SymbolizedAddress } from './symbolize.js';
export type { WalkRegisters } from './pt-regs.js';
export { otherNamesOf, RENAMED, type Renamed } from './renamed.js';
export { panicBuffersIn, panicsIn } from './panic-text.js';
export { functionsOf, type StackFrame, type StackTrace, walkStack } from './stack-walk.js';
export { type KernelSymbol, sortOf, type SymbolSort } from './symbol.js';
export { fromPhysical, throughTables } from './through-tables.js';
export {
  movedSymbols,
  PROBE_SYMBOLS,
  relocateKallsyms,
  VMCOREINFO_SYMBOLS,
  withoutModules,
} from './relocate.js';
export {
  notesOfElfHeader,
  parseVmcoreinfo,
  readVmcoreinfoText,
  type Vmcoreinfo,
} from './vmcoreinfo.js';
