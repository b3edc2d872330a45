// The compiler: hot loops, garbage, WebAssembly, exceptions.
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log(fib(27));
let o = []; for (let i = 0; i < 300000; i++) o.push({ i, s: 'x' + i }); console.log(o.length, o[299999].s); o = null;
const wasm = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7, 0, 32, 0, 32, 1, 106, 11]);
WebAssembly.instantiate(wasm).then((m) => { console.log(m.instance.exports.add(40, 2)); process.exit(9); });
try { (function f() { f(); })(); } catch (e) { console.log(e instanceof RangeError); }
