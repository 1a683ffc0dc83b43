//! Reading and writing as attackers do: much, and not for the sake of the answer.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};

use crate::rng::Rng;
use crate::soak::crowd::Ending;

const READ_BUFFER_BYTES: usize = 16 << 10;

/// Reads until Larder closes the connection, or the visit is over.
pub async fn until_cut(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Ending> {
    let mut buffer = vec![0; READ_BUFFER_BYTES];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(Ending::Cut)
}

/// Writes so many pieces and takes what comes meanwhile; then leaves.
pub async fn flood<T: AsyncRead + AsyncWrite>(
    stream: T,
    pieces: u32,
    mut piece: impl FnMut(u32) -> Vec<u8>,
) -> io::Result<Ending> {
    let (mut read, mut write) = split(stream);
    let send = async {
        for number in 0..pieces {
            write.write_all(&piece(number)).await?;
            write.flush().await?;
        }
        Ok(Ending::Left)
    };
    tokio::select! {
        ending = until_cut(&mut read) => ending,
        ending = send => ending,
    }
}

/// Sends all and flushes it.
pub async fn send(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// So many bytes at random.
pub fn garbage(rng: &mut Rng, length: u64) -> Vec<u8> {
    (0..length).map(|_| rng.next() as u8).collect()
}
