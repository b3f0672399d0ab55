/// A file that holds a preset, as the program embeds it or as an operator wrote it.
package struct PresetFile: Sendable {
    /// Its name without `.json`, which is the preset's name.
    package let name: String
    /// As messages name the file.
    package let path: String
    package let bytes: [UInt8]

    package init(name: String, path: String, bytes: [UInt8]) {
        self.name = name
        self.path = path
        self.bytes = bytes
    }
}
