package main

import (
	"context"
	"errors"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"syscall"
	"time"
)

// A server runs in a process of its own, so that its CPU can be told from the load generator's. The
// parent speaks with it over its standard input and output; when that ends, so does the child.

// Setup says what a child is to serve.
type Setup struct {
	Kind    string // whittle, floors, zitadel or zitadel-jwt
	Folder  string // Whittle's state
	Answers Answers
}

// Ready says where a child serves, who may ask, and how long it took to start.
type Ready struct {
	GRPC, HTTP, Client, Secret string
	Tuned                      string // gRPC under Whittle's own settings of the transport; only floors have it
	Took                       time.Duration
}

// Usage is what a process used up to a moment.
type Usage struct {
	At      time.Time
	CPU     time.Duration // user and system
	Objects uint64        // allocated on the heap
	Memory  int64         // bytes at that moment, without pages of mapped files; 0 where that can't be read
}

// Control is what the parent may ask of a child.
type Control struct {
	ctx     context.Context
	profile *os.File
}

// Start starts the server.
func (c *Control) Start(s Setup, r *Ready) (err error) {
	began := time.Now()
	defer func() { r.Took = time.Since(began) }()
	switch s.Kind {
	case "whittle":
		*r, err = serveWhittle(c.ctx, s.Folder)
	case "floors":
		*r, err = serveFloors(s.Answers)
	case "zitadel", "zitadel-jwt":
		*r, err = serveZitadel(s.Kind == "zitadel-jwt")
	default:
		err = errors.New("no such server: " + s.Kind)
	}
	return err
}

// Usage reads the child's own counters.
func (c *Control) Usage(_ struct{}, u *Usage) (err error) {
	*u, err = usage()
	return err
}

// Live is the bytes on the heap that something still points to.
func (c *Control) Live(_ struct{}, bytes *int64) error {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	*bytes = int64(m.HeapAlloc)
	return nil
}

// Profile writes a CPU profile to the file until it is asked again with no name.
func (c *Control) Profile(name string, _ *struct{}) (err error) {
	if name == "" {
		pprof.StopCPUProfile()
		return c.profile.Close()
	}
	if c.profile, err = os.Create(name); err != nil {
		return err
	}
	return pprof.StartCPUProfile(c.profile)
}

func usage() (Usage, error) {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}}
	metrics.Read(sample)
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return Usage{}, err
	}
	return Usage{
		At: time.Now(), CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()),
		Objects: sample[0].Value.Uint64(), Memory: memory(os.Getpid()),
	}, nil
}

// pipes is standard input and output as one connection.
type pipes struct {
	io.ReadCloser
	io.WriteCloser
}

func (p pipes) Close() error { return errors.Join(p.ReadCloser.Close(), p.WriteCloser.Close()) }

// beChild serves until the parent hangs up.
func beChild() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := rpc.NewServer()
	if err := server.Register(&Control{ctx: ctx}); err != nil {
		return err
	}
	server.ServeConn(pipes{os.Stdin, os.Stdout})
	return nil
}

// child is a server process as its parent sees it.
type child struct {
	Ready
	name    string
	control *rpc.Client
	process *exec.Cmd
}

func startChild(s Setup) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, childArgument)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{name: s.Kind, control: rpc.NewClient(pipes{out, in}), process: cmd}
	if err := c.control.Call("Control.Start", s, &c.Ready); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

func (c *child) usage() (u Usage, err error) {
	err = c.control.Call("Control.Usage", struct{}{}, &u)
	return u, err
}

func (c *child) live() (bytes int64, err error) {
	err = c.control.Call("Control.Live", struct{}{}, &bytes)
	return bytes, err
}

func (c *child) profile(name string) error {
	return c.control.Call("Control.Profile", name, &struct{}{})
}

func (c *child) stop() error { return errors.Join(c.control.Close(), c.process.Wait()) }
