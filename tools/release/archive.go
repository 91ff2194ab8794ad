package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// file is one file of an archive.
type file struct {
	name string
	mode fs.FileMode
	data []byte
}

// packer writes files below a folder, all of one time, with no trace of who packed them.
type packer func(to io.Writer, folder string, files []file, at time.Time) error

func packTar(to io.Writer, folder string, files []file, at time.Time) error {
	zipped := gzip.NewWriter(to) // its header holds neither name nor time
	archive := tar.NewWriter(zipped)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(folder, f.name), Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: at,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}

func packZip(to io.Writer, folder string, files []file, at time.Time) error {
	archive := zip.NewWriter(to)
	for _, f := range files {
		header := &zip.FileHeader{Name: path.Join(folder, f.name), Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(f.mode)
		w, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return archive.Close()
}

func write(name string, pack packer, folder string, files []file, at time.Time) error {
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(pack(to, folder, files, at), to.Close())
}

// sum writes SHA256SUMS over the release that the folder holds, in the form that `sha256sum --check` reads.
func sum(folder string) error {
	names, err := filepath.Glob(filepath.Join(folder, "whittle_*")) // sorted
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), filepath.Base(name))
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
