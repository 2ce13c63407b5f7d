// Calls each exported function of the module in a fresh instance: node run.mjs FILE.wasm
import { readFileSync } from 'node:fs';

// A part of the message of each function that must trap.
const messages = {
    trap_control: 'a check that fails',
    trap_overlap_exits: 'fatal error: concurrent map read and map write',
    trap_overlap_panics: 'concurrent read and write',
    trap_recv: 'cannot wait for a commit: this target has no threads',
    trap_spawn: 'failed to spawn a thread',
    trap_write_in_batch: 'while this thread has a write to that map open: this would deadlock',
};

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) throw new Error(`imports: ${JSON.stringify(imports)}`);
const names = WebAssembly.Module.exports(module).map(({ name }) => name);

function call(name) {
    const { exports } = new WebAssembly.Instance(module, {});
    exports.store_messages();
    try {
        return { returned: exports[name]() };
    } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
        const bytes = new Uint8Array(exports.memory.buffer, exports.message(), exports.message_len());
        return { trapped: new TextDecoder().decode(bytes) };
    }
}

let failed = 0;
const checks = names.filter((name) => name.startsWith('check_'));
const traps = names.filter((name) => name.startsWith('trap_'));
for (const name of checks) {
    const { returned, trapped } = call(name);
    if (returned === 1) continue;
    console.log(`FAILED  ${name}: ${trapped ?? returned}`);
    failed += 1;
}
for (const name of new Set([...traps, ...Object.keys(messages)])) {
    const { returned, trapped } = names.includes(name) ? call(name) : { returned: 'not exported' };
    if (trapped?.includes(messages[name] ?? null)) continue;
    console.log(`FAILED  ${name}: ${trapped ?? `returned ${returned}`}`);
    failed += 1;
}
console.log(`${checks.length} checks and ${traps.length} traps, ${failed} failed`);
process.exit(failed === 0 && checks.length > 0 ? 0 : 1);
