import Glibc

extension Files {
    /// The files below a folder whose names have this end, as paths from it, in the order of their bytes.
    ///
    /// Hidden ones are left out, and links to folders are not followed, which could lead round in a circle.
    ///
    /// - Throws: `FileFault` for the first folder that cannot be read.
    static func names(below folder: String, ending suffix: String) throws(FileFault) -> [String] {
        var found: [String] = []
        var waiting = [""]
        while let prefix = waiting.popLast() {
            for name in try entries(of: prefix.isEmpty ? folder : "\(folder)/\(prefix)") where !name.hasPrefix(".") {
                if isFolder("\(folder)/\(prefix)\(name)") {
                    waiting.append("\(prefix)\(name)/")
                } else if name.hasSuffix(suffix) {
                    found.append(prefix + name)
                }
            }
        }
        return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    private static func entries(of folder: String) throws(FileFault) -> [String] {
        guard let stream = opendir(folder) else { throw FileFault(path: folder, code: errno) }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
            errno = 0
        }
        guard errno == 0 else { throw FileFault(path: folder, code: errno) }
        return names
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
