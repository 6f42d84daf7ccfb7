// Package httpapi is the JSON API, version 1: the wire types and routes of each
// capability in a file of its own, over the endpoints of httpkit. Its contract is
// docs/api/openapi.yaml, and the tests hold every route and every answer to it.
//
// A handler turns a wire type into the arguments of one use case and its result
// back; it decides nothing.
package httpapi
