which java >/dev/null || exit 0
cd "$WORK"; cat > H.java <<'X'
import java.util.*; import java.util.concurrent.*;
public class H { public static void main(String[] a) throws Exception { var e=Executors.newFixedThreadPool(4); var l=new ArrayList<Future<Integer>>(); for(int i=0;i<20;i++){int n=i; l.add(e.submit(()->n*n));} int s=0; for(var f:l)s+=f.get(); e.shutdown(); System.out.println(s); System.gc(); System.out.println(new String(new ProcessBuilder("echo","sub").start().getInputStream().readAllBytes())); try{Object o=null;o.hashCode();}catch(NullPointerException x){System.out.println("npe");} } }
X
java -version 2>&1 | head -1; java -Xmx128m H.java
