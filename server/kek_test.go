package server_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/server"
	"github.com/whittle-sts/whittle/server/servertest"
)

// sealedWorld is a server whose key-encryption key stands where the edit says, and how to start it again.
func sealedWorld(t *testing.T, edit func(*server.Config)) (*servertest.World, func(func(*server.Config))) {
	t.Helper()
	var config server.Config
	w := servertest.Start(t, servertest.Options{Edit: func(c *server.Config) {
		edit(c)
		config = *c
	}})
	return w, func(edit func(*server.Config)) {
		w.Stop()
		edit(&config)
		w.Boot(config)
	}
}

func rotateKEK(t *testing.T, w *servertest.World) (id, previous string) {
	t.Helper()
	ctx := w.As(context.Background(), w.Client("bootstrap"))
	res, err := whittlev1.NewKeyServiceClient(w.Conn).RotateKeyEncryptionKey(ctx, &whittlev1.RotateKeyEncryptionKeyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetId(), res.GetPrevious()
}

// kekIs waits until the state is sealed anew under the key.
func kekIs(t *testing.T, w *servertest.World, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		res, err := whittlev1.NewKeyServiceClient(w.Conn).GetKeyEncryptionKey(
			w.As(ctx, w.Client("bootstrap")), &whittlev1.GetKeyEncryptionKeyRequest{})
		if err != nil || res.GetId() != want {
			t.Fatalf("%v, %v, want %s", res, err, want)
		}
		if !res.GetResealing() {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func keep(*server.Config) {}

func TestTheKeyEncryptionKeysFileIsRotatedInItsPlace(t *testing.T) {
	data, kek := t.TempDir(), filepath.Join(t.TempDir(), "kek")
	w, restart := sealedWorld(t, func(c *server.Config) { c.DataDir, c.KEK = data, kek })
	id, previous := rotateKEK(t, w)
	kekIs(t, w, id)
	if id == previous {
		t.Error("it is the same key")
	}
	restart(keep)
	kekIs(t, w, id)
	old, err := os.ReadFile(kek + "." + previous)
	if err != nil {
		t.Fatalf("the key before, which older copies need: %v", err)
	}
	if _, err := os.Stat(kek + ".next"); !os.IsNotExist(err) {
		t.Errorf("the next key is still there: %v", err)
	}

	// The old key opens nothing any more.
	w.Stop()
	if err := os.WriteFile(kek, old, 0o600); err != nil {
		t.Fatal(err)
	}
	c := settings(t)
	c.DataDir, c.KEK = data, kek
	if s, err := server.New(context.Background(), c); err == nil || !strings.Contains(err.Error(), previous) {
		t.Errorf("the old key opened it: %v", err)
		s.Close()
	}
}

// The process may end between the database and the file: the next key opens the one and becomes the other.
func TestARotationThatWasInterruptedIsFinished(t *testing.T) {
	kek := filepath.Join(t.TempDir(), "kek")
	w, restart := sealedWorld(t, func(c *server.Config) { c.KEK = kek })
	id, previous := rotateKEK(t, w)
	kekIs(t, w, id)
	w.Stop()
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(kek, kek+".next")
	move(kek+"."+previous, kek)
	restart(keep)
	kekIs(t, w, id)
	restart(keep)
	kekIs(t, w, id)
}

func TestTheKeyEncryptionKeyMayComeFromElsewhere(t *testing.T) {
	t.Setenv("WHITTLE_TEST_KEK", strings.Repeat("ab", 32))
	w, restart := sealedWorld(t, func(c *server.Config) { c.KEK = "env:WHITTLE_TEST_KEK" })
	_, err := whittlev1.NewKeyServiceClient(w.Conn).RotateKeyEncryptionKey(
		w.As(context.Background(), w.Client("bootstrap")), &whittlev1.RotateKeyEncryptionKeyRequest{})
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "kek_next") {
		t.Errorf("there is no next key: %v", err)
	}
	if runtime.GOOS == "windows" {
		return // it has no cat
	}
	file := filepath.Join(t.TempDir(), "printed")
	if err := os.WriteFile(file, []byte(strings.Repeat("cd", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	restart(func(c *server.Config) { c.KEKNext = "command:cat " + file })
	id, _ := rotateKEK(t, w)
	kekIs(t, w, id)
	restart(keep) // the settings still say otherwise
	kekIs(t, w, id)
	restart(func(c *server.Config) { c.KEK, c.KEKNext = c.KEKNext, "" })
	kekIs(t, w, id)
}

func TestRotatingTheKeyEncryptionKeyNeedsItsPermission(t *testing.T) {
	b := platform(t, nil)
	ctx := b.As(context.Background(), b.Client("research-agent"))
	_, err := whittlev1.NewKeyServiceClient(b.Conn).RotateKeyEncryptionKey(ctx, &whittlev1.RotateKeyEncryptionKeyRequest{})
	if status.Code(err) != codes.PermissionDenied {
		t.Error(err)
	}
}
