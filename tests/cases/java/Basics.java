// Threads, files, processes, sockets, collection, from one source file.
// timeout: 90
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Basics {
    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        AtomicLong sum = new AtomicLong();
        List<Future<?>> futures = new ArrayList<>();
        for (int i = 0; i < 1000; i++) { final int n = i; futures.add(pool.submit(() -> sum.addAndGet(n))); }
        for (Future<?> f : futures) f.get();
        pool.shutdown();
        System.out.println(sum + " " + pool.awaitTermination(5, TimeUnit.SECONDS));
        Path file = Files.writeString(Path.of("file"), "text\n".repeat(1000));
        System.out.println(Files.size(file) + " " + Files.readAllLines(file).size() + " " + Files.exists(Path.of("missing")));
        Process process = new ProcessBuilder("sh", "-c", "cat; exit 3").start();
        process.getOutputStream().write("through".getBytes());
        process.getOutputStream().close();
        System.out.println(new String(process.getInputStream().readAllBytes()) + " " + process.waitFor());
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            Thread thread = new Thread(() -> { try (Socket s = server.accept()) { s.getOutputStream().write("socket".getBytes()); } catch (IOException e) { System.out.println(e); } });
            thread.start();
            try (Socket s = new Socket(server.getInetAddress(), server.getLocalPort())) { System.out.println(new String(s.getInputStream().readAllBytes())); }
            thread.join();
        }
        try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null caught"); }
        long total = 0;
        for (int i = 0; i < 200; i++) total += new byte[1 << 20].length;
        System.gc();
        System.out.println(total >> 20);
        System.exit(7);
    }
}
