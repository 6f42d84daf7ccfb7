package httpkit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// ServerConfig bounds what one connection may cost. Everything must be set.
// Header blocks beyond MaxHeaderBytes and requests that are not HTTP never reach
// a handler: net/http answers them with 431 or 400 in plain text.
type ServerConfig struct {
	Addr              string // host:port; port 0 picks a free one
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration // headers and body
	WriteTimeout      time.Duration // from the end of the headers to the end of the answer
	IdleTimeout       time.Duration // between requests of one connection
	MaxHeaderBytes    int
}

// Server is an HTTP server whose binding, serving and draining are apart, so that
// whoever starts it knows the port before it says "started". Call Listen, Serve
// and Shutdown once each.
type Server struct {
	addr     string
	http     http.Server
	listener net.Listener
}

// NewServer makes a server. It fails on a limit that is not positive.
func NewServer(cfg ServerConfig, logger *zap.Logger) (*Server, error) {
	if min(cfg.ReadHeaderTimeout, cfg.ReadTimeout, cfg.WriteTimeout, cfg.IdleTimeout) <= 0 || cfg.MaxHeaderBytes <= 0 {
		return nil, errors.New("httpkit: every limit of the server must be positive")
	}
	errorLog, err := zap.NewStdLogAt(logger.Named("net/http"), zapcore.WarnLevel)
	if err != nil {
		return nil, fmt.Errorf("httpkit: %w", err)
	}
	return &Server{addr: cfg.Addr, http: http.Server{
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.WriteTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		ErrorLog:          errorLog,
		// `OPTIONS *` goes the way of every other request.
		DisableGeneralOptionsHandler: true,
	}}, nil
}

// Listen binds the address and returns the one really bound.
func (s *Server) Listen(ctx context.Context) (net.Addr, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", s.addr, err)
	}
	s.listener = listener
	return listener.Addr(), nil
}

// Serve answers requests with h until Shutdown, and then returns nil.
func (s *Server) Serve(h http.Handler) error {
	s.http.Handler = h
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown stops accepting, and waits for requests under way until ctx ends; what
// is still running then is cut off, and the context's error is returned. It also
// releases the port of a server that was bound and never served.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if s.listener != nil {
		if closeErr := s.listener.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
			err = errors.Join(err, closeErr)
		}
	}
	return err
}
