// What the sanitizers are told about TBB, whose library is not instrumented. Linked into every test
// of a sanitizer build.
extern "C" {

// TBB may keep an observer's entry of its own (40 bytes) when an arena closes while a worker is
// leaving it.
const char* __lsan_default_suppressions() { return "leak:tbb::detail::r1::observe\n"; }

// What TBB does with its own memory is not ours to check; it frees stacks of suspended tasks from
// any thread, and our code has no array new of its own. Loop bodies are checked: core/tsan.h tells
// the order between them.
const char* __tsan_default_suppressions() {
  return "called_from_lib:libtbb.so\nrace_top:operator delete[]\n";
}
}
