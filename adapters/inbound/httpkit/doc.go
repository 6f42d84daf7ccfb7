// Package httpkit is what every HTTP API of authserve stands on. It knows HTTP and
// the errors of the domain, and nothing of accounts.
//
// One request takes this way:
//
//	Router.ServeHTTP    correlation ID, client address, headers, deadline; recovers
//	                    panics and writes the one line of the access log
//	  mux               404 and 405 are problems too; nothing is ever redirected
//	    instrumentation span, metrics; a panic is answered here, so that both see it
//	      Handler       authenticates, counts the call against its limit, checks the
//	                    query, decodes the body, calls the use case in a span of its
//	                    own, encodes its answer
//
// Errors become problem documents (RFC 9457) in problem.go, the only place that
// maps them to status codes. Facts about the request that several of these need
// travel in one value, exchange.
package httpkit
