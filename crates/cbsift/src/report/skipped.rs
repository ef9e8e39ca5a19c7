//! Why a file was not read, or not wholly, in both languages.

use super::Language;
use crate::scan::Problem;
use std::io::ErrorKind;

/// Why a file was not read at all, for people.
pub(super) fn reason(reason: &str, language: Language) -> String {
    let known = (language == Language::Chinese)
        .then(|| chinese(reason))
        .flatten();
    known.unwrap_or(reason).to_owned()
}

/// What ended the reading of a file before its end, for people.
pub(super) fn problem(problem: &Problem, language: Language) -> String {
    if language == Language::English {
        return problem.message.clone();
    }
    let doing = match problem.doing {
        "open" => "无法打开",
        "list" => "无法列出",
        _ => "无法读取其余部分",
    };
    let why = match problem.kind {
        ErrorKind::NotFound => "文件不存在",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::InvalidData => "数据已损坏",
        ErrorKind::UnexpectedEof => "文件不完整",
        _ => "读取出错",
    };
    format!("{doing}：{why}")
}

/// A test sees to it that none is missing.
fn chinese(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "empty file" => "空文件",
        "it begins with nothing but zero bytes: it was never written, or is damaged" => {
            "开头全是零字节：从未写入，或已损坏"
        }
        "nothing but blank lines" => "只有空行",
        "binary data, no text" => "二进制数据，不是文本",
        "JSON without events of an event log in a shape we know" => {
            "JSON 中没有可识别形式的事件日志记录"
        }
        "no record head of a log we know found" => "没有找到任何已知日志的记录头",
        "no record head of a log we know found in its first 64 KiB" => {
            "前 64 KiB 中没有找到任何已知日志的记录头"
        }
        "trace of the update agent (.etl): run Get-WindowsUpdateLog on that PC and hand over the WindowsUpdate.log that it writes" => {
            "更新代理的跟踪文件（.etl）：请在该电脑上运行 Get-WindowsUpdateLog，并提供它生成的 WindowsUpdate.log"
        }
        "cabinet: no log itself; the logs inside are read where it is a file of its own" => {
            "cab 文件：本身不是日志；单独提供时会读取其中的日志"
        }
        "zip archive: no log itself; the logs inside are read where it is a file of its own" => {
            "zip 压缩包：本身不是日志；单独提供时会读取其中的日志"
        }
        "gzip archive: unpack it first" => "gzip 压缩包：请先解压",
        "7z archive: unpack it first" => "7z 压缩包：请先解压",
        "rar archive: unpack it first" => "rar 压缩包：请先解压",
        "program or library, no log" => "程序或程序库，不是日志",
        "registry hive, no log" => "注册表配置单元，不是日志",
        "memory dump, no log" => "内存转储，不是日志",
        "picture: text in pictures is not read, copy it as text" => {
            "图片：不读取图片中的文字，请以文本形式复制"
        }
        "document: save the log in it as plain text" => "文档：请将其中的日志另存为纯文本",
        "web page: save the log in it as plain text" => "网页：请将其中的日志另存为纯文本",
        "XML in a form that is not read" => "XML：不读取此种形式",
        "registry export, no log" => "注册表导出文件，不是日志",
        "log of driver setup (setupapi): not read" => "驱动安装日志（setupapi）：不读取",
        "log of Windows Installer (MSI): not read" => "Windows Installer（MSI）日志：不读取",
        "report of Windows Error Reporting: not read" => "Windows 错误报告：不读取",
        "Process Monitor's own file: no log that is read; save as CSV there, filtered to TiWorker.exe and TrustedInstaller.exe, and look at results other than SUCCESS" => {
            "Process Monitor 自有格式：不读取；请在其中过滤 TiWorker.exe 与 TrustedInstaller.exe 后另存为 CSV，并查看结果不是 SUCCESS 的操作"
        }
        "Process Monitor's CSV: no log of a failure; CBS.log of the same minutes names the object to look for in it" => {
            "Process Monitor 的 CSV：不是故障日志；同一时段的 CBS.log 会指明要在其中查找的对象"
        }
        "registry export: facts about the machine, no log of a failure" => {
            "注册表导出：机器信息，不是故障日志"
        }
        "output of reg query: facts about the machine, no log of a failure" => {
            "reg query 的输出：机器信息，不是故障日志"
        }
        "output of systeminfo: facts about the machine, no log of a failure" => {
            "systeminfo 的输出：机器信息，不是故障日志"
        }
        "output of msinfo32: facts about the machine, no log of a failure" => {
            "msinfo32 的输出：机器信息，不是故障日志"
        }
        "list of installed updates: facts about the machine, no log of a failure" => {
            "已安装更新列表：机器信息，不是故障日志"
        }
        "output of dism /get-packages: facts about the machine, no log of a failure" => {
            "dism /get-packages 的输出：机器信息，不是故障日志"
        }
        "output of fltmc: facts about the machine, no log of a failure" => {
            "fltmc 的输出：机器信息，不是故障日志"
        }
        "output of netsh winhttp: facts about the machine, no log of a failure" => {
            "netsh winhttp 的输出：机器信息，不是故障日志"
        }
        "output of sc query: facts about the machine, no log of a failure" => {
            "sc query 的输出：机器信息，不是故障日志"
        }
        "answer of Azure Monitor as rows without names: save the records as JSON objects or CSV" => {
            "Azure Monitor 的无列名行：请将记录另存为 JSON 对象或 CSV"
        }
        "table of Get-WinEvent: it cuts messages off; save with Format-List, Export-Csv or wevtutil epl" => {
            "Get-WinEvent 的表格：消息被截断；请用 Format-List、Export-Csv 或 wevtutil epl 保存"
        }
        "table of Get-EventLog: it cuts messages off and has no years; save with Format-List, Export-Csv or wevtutil epl" => {
            "Get-EventLog 的表格：消息被截断且没有年份；请用 Format-List、Export-Csv 或 wevtutil epl 保存"
        }
        "WindowsUpdate.log of Windows 10 and later is a note, no log: run Get-WindowsUpdateLog and give what it writes" => {
            "Windows 10 及以后的 WindowsUpdate.log 只是一条说明，不是日志：请运行 Get-WindowsUpdateLog 并提供其生成的文件"
        }
        "folders are nested too deep" => "文件夹嵌套过深",
        "symbolic link: only links named themselves are followed" => {
            "符号链接：只跟随直接指定的链接"
        }
        "not a regular file" => "不是普通文件",
        "empty archive" => "空压缩包",
        "archive inside an archive: only one level is opened; unpack the outer one and scan its folder" => {
            "压缩包中的压缩包：只打开一层；请解压外层后扫描其文件夹"
        }
        "grows more than 100 times when unpacked: that is how decompression bombs are made" => {
            "解压后增大 100 倍以上：解压炸弹即如此构造"
        }
        "together with those before it grows the archive more than 100 times: that is how decompression bombs are made" => {
            "与之前的成员合计使压缩包增大 100 倍以上：解压炸弹即如此构造"
        }
        "the archive holds more than is unpacked in one go; unpack it and scan its folder" => {
            "压缩包内容超过一次解压的上限；请解压后扫描其文件夹"
        }
        "it is more than twice as large packed as unpacked: the archive is damaged" => {
            "压缩后比解压后大一倍以上：压缩包已损坏"
        }
        "more than 10000 members: the rest is not looked at" => "成员超过 10000 个：其余不再查看",
        "encrypted: unpack the archive with its password, then scan or send its folder" => {
            "已加密：请用密码解压后扫描或发送其文件夹"
        }
        "compressed by a method that is not read here (stored and deflate are); unpack the archive and scan its folder" => {
            "压缩方法不受支持（支持存储与 deflate）；请解压后扫描其文件夹"
        }
        "symbolic link inside an archive: never followed" => "压缩包中的符号链接：从不跟随",
        "several members have the same name: only the last of them is read" => {
            "多个成员同名：只读取最后一个"
        }
        "part of it is in another cabinet of a set; expand the set and scan the folder" => {
            "其一部分在同组的另一个 cab 文件中；请展开整组后扫描文件夹"
        }
        "compressed with Quantum, which is not read here (MSZIP and LZX are); expand the cabinet and scan the folder" => {
            "以 Quantum 压缩，不受支持（支持 MSZIP 与 LZX）；请展开 cab 文件后扫描文件夹"
        }
        "its data overlap those of other members: the cabinet is damaged or crafted" => {
            "其数据与其他成员重叠：cab 文件已损坏或为恶意构造"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_chinese() {
        let missing: Vec<&str> = files::skip_reasons()
            .filter(|reason| chinese(reason).is_none())
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
