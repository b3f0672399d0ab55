import Glibc
import Relay

extension DeadLetterDirectory {
    /// Makes dead-letters/ and redrive/ where they are missing, so that a person can move files at once, and deletes
    /// what a process that died has left unfinished. Nobody else may be writing letters.
    package func prepare() throws(DeadLetterError) {
        do {
            _ = try tree.making(.deadLetters)
            _ = try tree.making(.redrive)
        } catch {
            throw .system(error)
        }
        // What cannot be deleted harms nobody: `list` tells of it.
        try? deleteUnfinished()
    }

    /// Deletes letters that are not whole: their deliveries still wait, and may never die again.
    private func deleteUnfinished() throws(FileError) {
        guard let letters = try tree.existing(.deadLetters) else { return }
        for name in try letters.names() {
            guard try letters.status(of: name)?.kind == .directory, let directory = try letters.directory(name)
            else { continue }
            for file in try directory.names() where file.isOfUnfinishedLetter { try directory.unlink(file) }
        }
    }

    /// Moves a letter to redrive/, durably; a relay that runs, or the next one, sends it again.
    ///
    /// The file is read first: what the relay would refuse stays where it is.
    /// - Returns: the new path, relative to the state directory.
    @discardableResult
    package func redrive(_ file: DeadLetterFile) throws(DeadLetterError) -> String {
        _ = try read(file)
        do throws(FileError) {
            let target = try tree.making(.redrive)
            guard let directory = try tree.existing(.deadLetters, FileName(file.destination)) else {
                throw FileError("open", "dead-letters/\(file.destination)", code: ENOENT)
            }
            let newName = file.redriveName
            // Not atomic with the rename, and need not be: two commands move the same source, which only one of them
            // finds, and no other file gets this name but by hand.
            guard try target.status(of: newName) == nil else {
                throw FileError("rename", "redrive/\(newName.display)", code: EEXIST)
            }
            try directory.rename(file.name, to: target, as: newName)
            try target.synchronize()
            try directory.synchronize()
            return "redrive/\(newName.display)"
        } catch {
            throw DeadLetterDirectory.moveError(error, file)
        }
    }

    /// Deletes a letter's file, durably. The caller has counted it as discarded.
    /// - Returns: false where it is not there any more: somebody has deleted or moved it meanwhile.
    package func delete(_ file: DeadLetterFile) throws(DeadLetterError) -> Bool {
        do {
            guard let directory = try tree.existing(.deadLetters, FileName(file.destination)) else { return false }
            let wasThere = try directory.unlink(file.name)
            try directory.synchronize()
            return wasThere
        } catch {
            throw .system(error)
        }
    }

    private static func moveError(_ error: FileError, _ file: DeadLetterFile) -> DeadLetterError {
        switch error.code {
        case EEXIST: .alreadyWaiting(path: error.path)
        case ENOENT: .notFound(file.path)
        default: .system(error)
        }
    }
}
