import ArgumentParser
import Glibc

/// A person's file that a command reads, changes and puts back as a whole, with its mode and owner, unless somebody
/// else changed it meanwhile.
struct EditedFile: ~Copyable {
    struct Fault: Error {
        let message: String
        let exitCode: ExitCode
    }

    let path: String
    let bytes: [UInt8]
    private let descriptor: Int32
    private let status: stat

    /// - Throws: also where the file is a link: the rename would put a file in its place.
    init(_ path: String) throws(Fault) {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw EditedFile.openFault(path, errno) }
        do throws(Fault) {
            (bytes, status) = try EditedFile.read(path, descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    private static func openFault(_ path: String, _ code: Int32) -> Fault {
        guard code == ELOOP else { return Fault(FileFault(path: path, code: code)) }
        return Fault(
            message: "\(path): it is a symbolic link, which a new file would replace: give the path of the file itself",
            exitCode: ExitStatus.cannotCreate)
    }

    private static func read(_ path: String, _ descriptor: Int32) throws(Fault) -> ([UInt8], stat) {
        // A second command that edits waits for nothing: it would write over what the first one does.
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw Fault(message: "\(path): another command is changing it: try again", exitCode: ExitStatus.temporary)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Fault(FileFault(path: path, code: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Fault(FileFault(path: path, code: EINVAL)) }
        do throws(FileFault) {
            return (try Files.drain(descriptor, path: path), status)
        } catch { throw Fault(error) }
    }

    /// Writes a temporary file beside it, syncs it, renames it and syncs the directory.
    func replace(with bytes: [UInt8]) throws(Fault) {
        guard status.st_nlink == 1 else {
            throw Fault(
                message: "\(path): it has other names (hard links), which would keep the old text: remove them",
                exitCode: ExitStatus.cannotCreate)
        }
        // Root may write everything, but who took all write permission away meant it.
        guard status.st_mode & 0o222 != 0, access(path, W_OK) == 0 else {
            throw Fault(message: "\(path): it is read-only: chmod u+w it", exitCode: ExitStatus.noPermission)
        }
        var template = Array("\(path).XXXXXX".utf8CString)
        let temporary = mkstemp(&template)
        guard temporary >= 0 else {
            throw Fault(FileFault(path: Files.directory(of: path), code: errno), writing: true)
        }
        defer { close(temporary) }
        let name = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        do throws(Fault) {
            try fill(temporary, name, bytes)
            try checkUnchanged()
            guard rename(name, path) == 0 else { throw Fault(FileFault(path: path, code: errno), writing: true) }
        } catch {
            unlink(name)
            throw error
        }
        do throws(FileFault) { try Files.synchronizeDirectory(Files.directory(of: path)) } catch { throw Fault(error) }
    }

    private func fill(_ descriptor: Int32, _ name: String, _ bytes: [UInt8]) throws(Fault) {
        // The owner first: a change of it may take bits of the mode away.
        guard fchown(descriptor, status.st_uid, status.st_gid) == 0 else {
            throw Fault(
                message: "\(path): its owner cannot be kept: run this as its owner or as root",
                exitCode: ExitStatus.noPermission)
        }
        do throws(FileFault) {
            try Files.write(bytes, to: descriptor, path: name)
        } catch { throw Fault(error, writing: true) }
        guard fchmod(descriptor, status.st_mode & 0o7777) == 0, fsync(descriptor) == 0 else {
            throw Fault(FileFault(path: name, code: errno), writing: true)
        }
    }

    /// The same file must be there with the same bytes.
    private func checkUnchanged() throws(Fault) {
        var now = stat()
        let isThere = lstat(path, &now) == 0 && now.st_dev == status.st_dev && now.st_ino == status.st_ino
        let isSame =
            isThere && lseek(descriptor, 0, SEEK_SET) == 0 && bytes == (try? Files.drain(descriptor, path: path))
        guard isSame else {
            throw Fault(
                message: "\(path): somebody changed it meanwhile, so it was left as it is: try again",
                exitCode: ExitStatus.temporary)
        }
    }
}

extension EditedFile.Fault {
    fileprivate init(_ fault: FileFault, writing: Bool = false) {
        let mayNot = fault.code == EACCES || fault.code == EPERM || fault.code == EROFS
        self.init(
            message: "\(fault)",
            exitCode: mayNot ? ExitStatus.noPermission : writing ? ExitStatus.ioError : fault.exitCode)
    }
}
