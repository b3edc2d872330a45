use super::*;
use crate::uio::BufferSink;

fn read(file: &File, limit: usize) -> Result<Vec<u8>, Errno> {
    let mut sink = BufferSink::new(limit);
    file.read(&mut sink).map(|_| sink.data)
}

fn write(file: &File, mut data: &[u8]) -> Result<usize, Errno> {
    file.write(&mut data)
}

#[test]
fn bytes_go_through_and_the_end_is_seen() {
    let (reader, writer) = create(0);
    assert_eq!(write(&writer, b"hello"), Ok(5));
    assert_eq!(read(&reader, 3).unwrap(), b"hel");
    assert_eq!(reader.poll(None), Events::READABLE);
    drop(writer);
    assert_eq!(reader.poll(None), Events::READABLE | Events::HUP);
    assert_eq!(read(&reader, 9).unwrap(), b"lo");
    assert_eq!(read(&reader, 9).unwrap(), b"");
}

#[test]
fn a_pipe_without_readers_is_broken() {
    let (reader, writer) = create(0);
    drop(reader);
    assert_eq!(write(&writer, b"x"), Err(Errno::EPIPE));
    assert_eq!(writer.poll(None), Events::WRITABLE | Events::ERR);
}

#[test]
fn a_full_pipe_blocks_until_it_is_read() {
    let (reader, writer) = create(0);
    let sender = std::thread::spawn(move || write(&writer, &vec![7; 200_000]));
    let mut total = 0;
    while total < 200_000 {
        total += read(&reader, 10_000).unwrap().len();
    }
    assert_eq!(sender.join().unwrap(), Ok(200_000));
    assert_eq!(read(&reader, 1).unwrap(), b"");
}

#[test]
fn nonblocking_ends_do_not_wait() {
    let (reader, writer) = create(flags::NONBLOCK);
    assert_eq!(read(&reader, 1), Err(Errno::EAGAIN));
    assert_eq!(write(&writer, &vec![0; 100_000]), Ok(65536));
    assert_eq!(write(&writer, b"x"), Err(Errno::EAGAIN));
    assert_eq!(Pipe::of(&writer).unwrap().set_capacity(5000, false), Err(Errno::EBUSY));
    assert_eq!(Pipe::of(&writer).unwrap().set_capacity(70_000, false), Ok(131_072));
    assert_eq!(write(&writer, b"x"), Ok(1));
}

#[test]
fn fifos_wait_for_a_partner() {
    let key = (1 << 40, 77);
    assert_eq!(fifo::open(key, flags::WRONLY | flags::NONBLOCK).err(), Some(Errno::ENXIO));
    let writer = std::thread::spawn(move || fifo::open(key, flags::WRONLY).map(drop).is_ok());
    assert!(fifo::open(key, flags::RDONLY).is_ok());
    assert!(writer.join().unwrap());
}
