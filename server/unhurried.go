package server

import (
	"net/http"
	"time"
)

// unhurried lets a handler answer for as long as it likes, which a stream does: the listener's limit is on
// each write instead of on all of them, so a client that stops reading is still left behind.
func unhurried(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(&unhurriedWriter{w, http.NewResponseController(w)}, r)
	})
}

type unhurriedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements [http.ResponseWriter]. The request has been read by now, so nothing more is waited for.
func (w *unhurriedWriter) Write(p []byte) (int, error) {
	if err := w.control.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	if err := w.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// Flush implements [http.Flusher], which Connect asks for.
func (w *unhurriedWriter) Flush() {
	_ = w.control.Flush() // whoever can't be written to is gone
}

// Unwrap is for [http.ResponseController].
func (w *unhurriedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
