// Package guard stands between the core and every dependency that can hang or
// fail. One generic function, Call, gives a call its deadline, its slot, the
// verdict of a circuit breaker, a span and metrics; one-line wrappers put a port
// behind it (Store, Hasher, Mailer).
//
// The flow of a call: take a slot, waiting no longer than the deadline; ask the
// breaker; run the function synchronously in the caller's goroutine under the
// deadline; classify what it returned; tell the breaker; give the slot back.
//
// # hystrix-go as the judge
//
// The verdict is hystrix's: it keeps the rolling window of ten seconds, opens the
// circuit, and lets one trial through after each pause. It never runs anything:
// its Do family leaves functions running after a timeout, runs them where no
// recover can reach, and counts every error. Only judge.go knows hystrix.
//
// hystrix keeps circuits, settings and its logger in variables of its package.
// Circuits therefore get names of their own in there, so that registries do not
// share them, and the logger, the only way to learn when hystrix opens, tests and
// closes a circuit, is set once per process. A program that embeds authserve must
// not set it again.
//
// Each circuit costs two goroutines of hystrix, which end with the process (see
// Goroutines), some 20 KB, and 16 bytes per call of the last minute.
package guard
