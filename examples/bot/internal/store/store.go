package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// delay is how long after the first change of a chat it is written, with all that
// changed meanwhile in one transaction.
const delay = time.Second

// lockWithin bounds how long Open waits for another process that has the file open.
const lockWithin = time.Second

// ErrLocked is returned by [Open] when another process has the file open.
var ErrLocked = errors.New("another process uses the file")

// chats is the bucket of the buckets of chats.
var chats = []byte("chats")

// Store is an open file. It is safe for concurrent use. The caller must Close it.
type Store struct {
	db     *bbolt.DB
	logger *slog.Logger
	dirty  chan struct{} // holds one while pending is not empty
	stop   chan struct{}
	done   chan struct{}

	flushing sync.Mutex // orders writes of the file; taken before mu

	mu      sync.Mutex // guards what follows; not held while the file is written
	pending map[key][]byte
	writing map[key][]byte // on its way into the file
	closed  bool
}

// key names a value.
type key struct {
	chat int64
	name string
}

// Open opens a file or creates it, readable by its owner alone.
func Open(path string, logger *slog.Logger) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWithin})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		err = ErrLocked
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(chats)
		return err
	}); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, errors.Join(err, db.Close()))
	}
	s := &Store{
		db: db, logger: logger,
		dirty: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		pending: make(map[key][]byte),
	}
	go s.run() // Close ends it and waits for it
	return s, nil
}

// run writes what is pending, delay after it became so.
func (s *Store) run() {
	defer close(s.done)
	for {
		select {
		case <-s.dirty:
		case <-s.stop:
			return
		}
		select {
		case <-time.After(delay):
		case <-s.stop:
			return
		}
		if err := s.Flush(); err != nil {
			s.logger.Error("the bot's state cannot be written", "err", err)
			s.mark() // again after the next delay
		}
	}
}

// Put changes a value of a chat, within a second in the file. The value is encoded before
// Put returns. A nil value is removed.
func (s *Store) Put(chat int64, name string, value any) {
	var data []byte
	if value != nil {
		var err error
		if data, err = json.Marshal(value); err != nil {
			s.logger.Error("a value cannot be stored", "name", name, "err", err)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending[key{chat, name}] = data
	s.mark()
}

// mark lets run know that something is pending.
func (s *Store) mark() {
	select {
	case s.dirty <- struct{}{}:
	default: // it knows
	}
}

// Get decodes a value of a chat into v. It reports whether there is one.
func (s *Store) Get(chat int64, name string, v any) (bool, error) {
	data, ok := s.unwritten(key{chat, name})
	if !ok {
		if err := s.db.View(func(tx *bbolt.Tx) error {
			if b := tx.Bucket(chats).Bucket(id(chat)); b != nil {
				data = slices.Clone(b.Get([]byte(name)))
			}
			return nil
		}); err != nil {
			return false, fmt.Errorf("read %s of chat %d: %w", name, chat, err)
		}
	}
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, fmt.Errorf("read %s of chat %d: %w", name, chat, err)
	}
	return true, nil
}

// unwritten returns a value that is not in the file yet.
func (s *Store) unwritten(k key) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.pending[k]
	if !ok {
		data, ok = s.writing[k]
	}
	return data, ok
}

// Chats returns the chats of which anything is stored.
func (s *Store) Chats() ([]int64, error) {
	if err := s.Flush(); err != nil {
		return nil, err
	}
	var ids []int64
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(chats).ForEachBucket(func(k []byte) error {
			if len(k) == 8 {
				ids = append(ids, int64(binary.BigEndian.Uint64(k))) //nolint:gosec // as id wrote it
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list the chats: %w", err)
	}
	return ids, nil
}

// Move gives a chat another id, at once. Values of the new id with the same names are
// replaced.
func (s *Store) Move(from, to int64) error {
	return s.change(func(all *bbolt.Bucket) error {
		old := all.Bucket(id(from))
		if old == nil {
			return nil
		}
		b, err := all.CreateBucketIfNotExists(id(to))
		if err != nil {
			return err
		}
		if err := old.ForEach(b.Put); err != nil {
			return err
		}
		return all.DeleteBucket(id(from))
	})
}

// Forget removes all that is stored of a chat, at once.
func (s *Store) Forget(chat int64) error {
	return s.change(func(all *bbolt.Bucket) error {
		if all.Bucket(id(chat)) == nil {
			return nil
		}
		return all.DeleteBucket(id(chat))
	})
}

// change changes the file after what is pending has been written.
func (s *Store) change(f func(all *bbolt.Bucket) error) error {
	if err := s.Flush(); err != nil {
		return err
	}
	if err := s.db.Update(func(tx *bbolt.Tx) error { return f(tx.Bucket(chats)) }); err != nil {
		return fmt.Errorf("write the bot's state: %w", err)
	}
	return nil
}

// Flush writes what is pending. On an error it stays pending.
func (s *Store) Flush() error {
	s.flushing.Lock()
	defer s.flushing.Unlock()
	values := s.begin()
	if len(values) == 0 {
		return nil
	}
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for k, data := range values {
			if err := put(tx.Bucket(chats), k, data); err != nil {
				return err
			}
		}
		return nil
	})
	s.written(err)
	if err != nil {
		return fmt.Errorf("write the bot's state: %w", err)
	}
	return nil
}

// begin returns what is pending, to be written.
func (s *Store) begin() map[key][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing, s.pending = s.pending, make(map[key][]byte)
	return s.writing
}

// written ends what begin began.
func (s *Store) written(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		maps.Copy(s.writing, s.pending) // what is newer wins
		s.pending = s.writing
	}
	s.writing = nil
}

func put(all *bbolt.Bucket, k key, data []byte) error {
	if data == nil {
		if b := all.Bucket(id(k.chat)); b != nil {
			return b.Delete([]byte(k.name))
		}
		return nil
	}
	b, err := all.CreateBucketIfNotExists(id(k.chat))
	if err != nil {
		return err
	}
	return b.Put([]byte(k.name), data)
}

// id is the name of a chat's bucket.
func id(chat int64) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(chat)) //nolint:gosec // the bits alone matter
}

// Close writes what is pending and closes the file. It is idempotent.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	close(s.stop)
	<-s.done
	return errors.Join(s.Flush(), s.db.Close())
}
