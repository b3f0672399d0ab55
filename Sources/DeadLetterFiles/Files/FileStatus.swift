import Glibc

/// What kind of thing a directory entry is, and by what a change of it is noticed.
package struct FileStatus: Sendable, Equatable {
    enum Kind: Sendable { case regular, directory, symbolicLink, other }

    let kind: Kind
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let links: UInt64
    /// Nanoseconds since 1970.
    let modified: Int64

    init(_ status: stat) {
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        links = UInt64(status.st_nlink)
        modified = Int64(status.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_mtim.tv_nsec)
    }
}
