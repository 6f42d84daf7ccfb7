package hibp

import (
	"context"
	"crypto/sha1" //nolint:gosec // the protocol's hash: it names passwords that are public, and protects none
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Limits of the connections. The whole call is bounded by its context.
const (
	connectTimeout = 5 * time.Second
	headerTimeout  = 5 * time.Second
	idleTimeout    = 90 * time.Second
	idleConns      = 4
	maxHeaderBytes = 64 << 10
)

const prefixDigits = 5

// Config names the service to ask.
type Config struct {
	// URL is what stands before /range/: https, or http on a loopback host.
	URL string
	// Roots are the authorities for the service's certificate; nil: the system's.
	Roots *x509.CertPool
}

// Client asks one service. Safe for concurrent use.
type Client struct {
	base      *url.URL
	transport *http.Transport
}

var _ ports.Breaches = (*Client)(nil)

// New makes a Client and connects to nothing yet. Close it after use.
//
// It speaks HTTP/1.1: with HTTP/2 one dead connection would carry all calls until
// the system gives it up, and here a call that runs out of time drops its own. It
// uses no proxy, whatever the environment says: who sees the prefixes is for the
// configuration alone to decide.
func New(cfg Config) (*Client, error) {
	base, err := parseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	return &Client{base: base, transport: &http.Transport{
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    connectTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           idleConns,
		MaxIdleConnsPerHost:    idleConns,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true, // what is read is what was sent: no small body becomes a large one
	}}, nil
}

// Close drops the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Contains implements ports.Breaches.
func (c *Client) Contains(ctx context.Context, p domain.Password) (bool, error) {
	digest := sha1.Sum([]byte(p.Reveal())) //nolint:gosec // as above
	digits := hex.EncodeToString(digest[:])
	found, err := c.ask(ctx, digits[:prefixDigits], digits[prefixDigits:])
	if err != nil {
		return false, ports.ErrUnavailable.Wrap(fmt.Errorf("hibp: %w", err))
	}
	return found, nil
}

// ask fetches the range of prefix and looks for suffix in it. The request goes to the
// transport itself, which follows no redirect, keeps no cookie, and does not write
// the URL into its errors.
func (c *Client) ask(ctx context.Context, prefix, suffix string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base.JoinPath("range", prefix).String(), nil)
	if err != nil {
		return false, errors.New("make the request")
	}
	request.Header.Set("User-Agent", "authserve") // the original refuses requests without one
	request.Header.Set("Add-Padding", "true")
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return false, fmt.Errorf("request: %w", cause(ctx, err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("status %d", response.StatusCode)
	}
	found, err := search(response.Body, suffix)
	if err != nil {
		return false, fmt.Errorf("answer: %w", cause(ctx, err))
	}
	return found, nil
}

// cause leaves of err what cannot hold text of the other side, which might repeat
// what it was asked for. What the end of ctx broke is called by that.
func cause(ctx context.Context, err error) error {
	var network net.Error
	var certificate *tls.CertificateVerificationError
	var malformed listError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &network), errors.As(err, &certificate), errors.As(err, &malformed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	default:
		return errors.New("not understood")
	}
}

// parseURL reads the base of the service's addresses.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("hibp: the URL cannot be read")
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("hibp: the URL names no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("hibp: the URL must have neither user, query nor fragment")
	case u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()):
		return u, nil
	default:
		return nil, errors.New("hibp: the URL must be https, or http on a loopback host")
	}
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
