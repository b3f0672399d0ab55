import Synchronization

/// The state directory and how one gets down into it.
final class StateTree: Sendable {
    private struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
    }

    let path: String
    /// Directories whose entry in their parent is known to be on the disk, by path.
    private let durable = Mutex<[String: Identity]>([:])

    init(path: String) { self.path = path }

    /// Opens a directory below the state directory, making what is missing, durably.
    ///
    /// A parent is flushed once a process even where the directory was there before: an earlier process may have made
    /// it and died before its own fsync.
    func making(_ levels: FileName...) throws(FileError) -> DirectoryHandle {
        var current = try DirectoryHandle.open(path)
        for level in levels {
            let next = try current.makingDirectory(level)
            try anchor(next, in: current)
            current = next
        }
        return current
    }

    /// Opens a directory below the state directory; nil where it is not there.
    func existing(_ levels: FileName...) throws(FileError) -> DirectoryHandle? {
        var current = try DirectoryHandle.open(path)
        for level in levels {
            guard let next = try current.directory(level) else { return nil }
            current = next
        }
        return current
    }

    private func anchor(_ made: borrowing DirectoryHandle, in parent: borrowing DirectoryHandle) throws(FileError) {
        let status = try made.status()
        let identity = Identity(device: status.device, inode: status.inode)
        let path = made.path
        if durable.withLock({ $0[path] }) == identity { return }
        try parent.synchronize()
        durable.withLock { $0[path] = identity }
    }
}

extension FileName {
    static let deadLetters = FileName("dead-letters")
    static let redrive = FileName("redrive")
    static let refused = FileName("refused")
}
