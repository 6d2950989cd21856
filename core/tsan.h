// Annotations for ThreadSanitizer: TBB's library is not instrumented, so the order between the
// thread that starts a loop, the loop's bodies and its end has to be declared. Empty in every other
// build. The files that include it are compiled without instrumentation (TBB's templates would
// raise false alarms); loop bodies keep theirs.
#pragma once

#ifdef CONCERTINA_TSAN
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

namespace concertina {

// Everything before publish() in one thread happens before what follows receive() in another.
class HandOver {
 public:
#ifdef CONCERTINA_TSAN
  void publish() { __tsan_release(this); }
  void receive() { __tsan_acquire(this); }
#else
  void publish() {}
  void receive() {}
#endif
};

// The same on every way out of a scope, an exception's too.
struct PublishOnExit {
  HandOver& order;
  ~PublishOnExit() { order.publish(); }
};
struct ReceiveOnExit {
  HandOver& order;
  ~ReceiveOnExit() { order.receive(); }
};

}  // namespace concertina
